"""What a run will be: images, labels, options, identity; decided before anything is computed."""
