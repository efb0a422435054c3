"""The thresholds of the written rules, each with its reason.

Knows nothing about: features, rules.
"""

from typing import Final

MOST: Final = 0.4
"""Share of a row that makes one place stand out. On 14 x 14 patches 80 times what one token gets by chance; for row and
column, which are 7 % of the tokens there, it counts above chance. Less than half, as heads leak weight everywhere: 0.4
in one place beside a diffuse rest is what one sees."""
NEAR: Final = 0.3
"""The same for the patches near by, above chance: on 14 x 14 the 5 x 5 patches around, 12 % of the tokens, then hold
38 % of the weight. Less than `MOST`, as a bell somewhat wider than they are is still local to the eye; `DECIDES` keeps
out attention that is near only because objects are."""
WIDE: Final = 0.08
"""The same within twice as far (4 hops on 14 x 14): a bell with a standard deviation of half the grid's side, with a
third of its weight left to chance, has 0.09."""
FEW: Final = 0.25
"""Share of the weight, above chance, that makes a few keys a sink: on 14 x 14 12 times what four get by chance."""
STEP: Final = 0.2
"""Share of the weight on one neighbour, of the patches that have it: 40 times chance on 14 x 14."""
ONE_STEP: Final = 0.4
"""That share as a part of all that goes near by: a bell centred on the neighbour gives it less (0.25 at a standard
deviation of 0.8 patches)."""
RIVAL: Final = 0.5
"""A second place may hold this part of the first one's share; with more the matrix shows two patterns."""
DECIDES: Final = 0.5
"""What explains at least half of the structure decides."""
BROAD: Final = 0.5
"""Share of the tokens that a query effectively looks at (e to its entropy): even weights with half of all weight
scattered at random beside them have about 0.5."""
SHAPELESS: Final = 0.04
"""Structure that differs between queries is less than this part of the energy: patches that give half of their weight
to their own part of the image (an object of a third of it, or the rest) have 0.05 and more, even ones 0."""
UNEVEN: Final = 0.22
"""Share of the weight that would have to move for all keys to get the same: half of the image that gets three times
what the other half gets has 0.25."""
REGION: Final = 0.25
"""Correlation of neighbouring keys from which what is looked at is a region. Keys picked one by one give 0 or less; in
a region of 3 x 3 patches 2 of 3 steps from a key stay inside, which gives 0.67, and noise takes from that."""
CLS_UNEVEN: Final = 0.25
"""`UNEVEN` for the row of CLS alone, of what it gives to patches: one row has more chance in it than all together."""
CONSTANT: Final = 0.8
"""Correlation with the mean of the head's other images, mean over its images, from which the place is fixed: two thirds
of what varies is the same. Fixed places with half of the weight left to chance have 0.94 and more."""
CHANGES: Final = 0.7
"""The same up to which the image decides: the other images explain less than half. Objects at random places have 0 to
0.6 (some lie at one another's place)."""
SMOOTH: Final = 0.15
"""Correlation of the maps of neighbouring queries, noise and all: such a bell has 0.24 and more, keys by chance 0."""
SEVERAL: Final = 0.6
"""Of what registers hold together one may have this part: two that share evenly have half each."""
ARM: Final = 0.3
"""Each line of a cross holds this part of it: half each, and noise takes from that."""
