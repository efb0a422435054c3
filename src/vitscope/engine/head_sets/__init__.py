"""Several heads pruned at once: curves, what-if, interactions."""
