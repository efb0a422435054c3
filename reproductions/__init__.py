"""The questions of the sources, answered with our numbers: `python -m reproductions` writes docs/reproductions anew."""
