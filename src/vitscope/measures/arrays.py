"""What measures take: arrays of numpy as well as torch tensors, and get back what they gave.

A module that takes both is written against the array API, `xp = array_namespace(values)`, and imports no torch: who
reads runs uses it too. What the standard lacks or array-api-compat makes slow on torch is called by a method that both
kinds have: `values.clip(least, most)`, with single numbers.
Knows nothing about: what is measured.
"""

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from array_api_compat import is_numpy_array, is_torch_array

if TYPE_CHECKING:
    from torch import Tensor

    Array = TypeVar("Array", np.ndarray, Tensor)
else:

    class _Either(type):
        def __instancecheck__(cls, value: Any) -> bool:  # noqa: ANN401 - anything may be asked of
            return is_numpy_array(value) or is_torch_array(value)

    class Array(metaclass=_Either):
        """A numpy array or a torch tensor, for annotations such as Float[Array, "image head"]."""


quiet = np.errstate(divide="ignore", invalid="ignore")
"""Decorator: 0 / 0 is NaN and log 0 is infinite without a warning of numpy, as torch has it."""
