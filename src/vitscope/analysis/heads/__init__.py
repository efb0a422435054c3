"""The heads of a run against each other: alike, in groups, standing in for each other, undone by later layers."""
