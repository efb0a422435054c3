"""Libraries' blocks as vitscope sees them, and which adapter fits a module."""
