"""What pruning changes of a model's answer and of its layers."""
