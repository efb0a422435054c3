"""Unit by unit: what a plan asks for is computed and handed to the store."""
