"""Questions beside a run: other input sizes, judging maps, what a model is, smaller models."""
