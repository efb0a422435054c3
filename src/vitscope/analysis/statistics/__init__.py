"""Statistics over images: summaries and ranks, intervals from shared draws, permutation, shares, paired changes.

Knows nothing about: runs, heads, models.
"""
