"""The sample that patterns are learned from: which images, and what is kept of each of their matrices.

Knows nothing about: models, files, what is learned.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float16, Float32, Int

from vitscope.errors import BadInput, InvalidArgument


@dataclass(frozen=True)
class Sample:
    """All heads of some images, one matrix after the other: image by image, then layer by layer, then head by head.

    Parameters
    ----------
    matrices: attention at the common size (`common_matrix`).
    offsets: patch->patch mass by relative offset (`offset_view`).
    features: one number for each name of `FEATURES`.
    image: row number of the image in its run, ascending. layer, head: which head; both count from 0.

    Raises
    ------
    BadInput: the arrays do not have one entry a matrix each.
    """

    matrices: Float16[np.ndarray, "matrix 66 66"]
    offsets: Float16[np.ndarray, "matrix 15 15"]
    features: Float32[np.ndarray, "matrix feature"]
    image: Int[np.ndarray, " matrix"]
    layer: Int[np.ndarray, " matrix"]
    head: Int[np.ndarray, " matrix"]

    def __post_init__(self) -> None:
        lengths = {field.name: len(getattr(self, field.name)) for field in fields(self)}
        if len(set(lengths.values())) > 1:
            raise BadInput(f"cannot make a sample of matrices: the arrays have different lengths {lengths}")

    def __len__(self) -> int:
        return len(self.matrices)


def choose_images(strata: Sequence[Hashable], budget_images: int, seed: int) -> Int[np.ndarray, " chosen"]:
    """Draw images at random so that every class has its share: seeded, proportional to the size of the class.

    Within a class of s images in random order the i-th stands at (i + u) / s, with u drawn once a class from [0, 1);
    the images that stand first are chosen. A class gets its share of the budget up to about one image, every image
    has about the same chance, and a larger budget only adds images.

    Parameters
    ----------
    strata: class of each image, any hashable value (label, else prediction); unknown is a class like any other.
    budget_images: how many images to draw; all where there are no more.

    Returns
    -------
    Positions in `strata`, ascending.

    Raises
    ------
    InvalidArgument: a negative budget.

    Example
    -------
    >>> chosen = choose_images(["cat", "cat", "cat", "cat", "dog", "dog"], 3, seed=0)
    >>> int((chosen < 4).sum()), int((chosen >= 4).sum())
    (2, 1)
    """
    if budget_images < 0:
        raise InvalidArgument(f"cannot draw {budget_images} images: expected 0 or more")
    members: dict[Hashable, list[int]] = {}
    for row, stratum in enumerate(strata):
        members.setdefault(stratum, []).append(row)
    random = np.random.default_rng(seed)
    place = np.empty(len(strata))
    for rows in members.values():
        place[random.permutation(rows)] = (np.arange(len(rows)) + random.random()) / len(rows)
    return np.sort(np.argsort(place, kind="stable")[:budget_images])
