"""Pictures as files, decoded and made into what a model takes."""
