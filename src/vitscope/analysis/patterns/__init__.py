"""The patterns of a run: its matrices, clusters and names, head by head; other numbers of clusters."""
