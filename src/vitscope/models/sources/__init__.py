"""Where a model comes from: timm, a folder of ours, weights, a user's module; and smaller ones saved."""
