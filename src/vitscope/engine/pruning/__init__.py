"""One pruned forward pass: which entries of the attention go, and what takes their place."""
