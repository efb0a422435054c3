"""Every head pruned on every image, exactly: the sweep and what it adds up."""
