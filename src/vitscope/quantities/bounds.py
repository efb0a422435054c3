"""From where on a number is said in words: bounds that `measures`, the report and the page share.

Knows nothing about: how the numbers are made.
"""

from typing import Final

SINK_SHARE: Final = 0.05
SINK_TIMES: Final = 4.0
"""A key is a sink from this share of the patches' attention, and from this many times uniform."""
CORNER_SHARE: Final = 0.1
"""The corners are named from this share of the patches' attention together, and from `SINK_TIMES` times uniform."""
BORDER_SHARE: Final = 0.5
BORDER_TIMES: Final = 2.0
"""The border is named from this share of the patches' attention without the corners, and this many times uniform."""
FEW_KEYS: Final = 8
FEW_KEYS_PART: Final = 8
"""Keys that hold half of the attention are few up to this number, and up to one key in so many."""
NEIGHBOUR_SHARE: Final = 0.2
STEP_CLEAR: Final = 0.4
"""A direction is named from this share of the patches' attention on one neighbour, and this mean step, in patches."""
STEP_PART: Final = 0.5
"""The smaller part of a step belongs to the direction from this part of the larger one."""
WORTH_TELLING: Final = 0.05
"""Smaller shares do not say where a head attends."""

BOUNDS: Final = {name: value for name, value in globals().copy().items() if name.isupper() and name != "BOUNDS"}
"""All of them by name, for the page."""
