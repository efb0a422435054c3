"""What the server asks of a loaded model. The command line hands one in; routes never import torch.

Knows nothing about: models, tensors, HTTP.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vitscope.server.wire import Direction


class Live(Protocol):
    """A run's model, loaded and proven to be the one the run was made with."""

    def attention_rows(self, image_row: int, query: int, direction: Direction, /) -> NDArray[np.float16]:
        """Attention of every head for one token of one image.

        Returns: float16 [layer, head, key]; `from`: the row of token `query`; `to`: its column (the last axis is then
        the token that looks). Heads a layer does not have are NaN.
        """
        ...
