"""Slow twins: every quantity once more, with loops in float64, written from the formula and not from our code."""
