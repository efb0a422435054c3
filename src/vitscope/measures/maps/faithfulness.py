"""Is a map right? How a score falls when patches go in its order, and whether the map lies where the object is.

A map is compared with what it says of patches only: their order, their largest, their shares.
Knows nothing about: models, what a patch is replaced by, boxes in files.
"""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vitscope.arguments import Natural, checked
from vitscope.errors import InvalidArgument


@checked
def patch_order(maps: Float[Tensor, "image row col"], seed: Natural = 0) -> Int[Tensor, "image patch"]:
    """Patches from the largest value of the map to the smallest; equal ones in an order drawn with `seed`.

    A fixed order of equals would favour one corner of the image wherever a map has many zeros.

    Returns
    -------
    Patch numbers, row by row from 0.

    Raises
    ------
    InvalidArgument: a map that is not finite.

    Example
    -------
    >>> patch_order(torch.tensor([[[0.1, 0.7, 0.2]]]))
    tensor([[1, 2, 0]])
    """
    flat = maps.flatten(1)
    if not flat.isfinite().all():
        raise InvalidArgument("cannot order the patches of a map that has NaN or infinite entries")
    drawn = torch.randperm(flat.shape[1], generator=torch.Generator().manual_seed(seed)).to(flat.device)
    return drawn[flat[:, drawn].argsort(dim=1, descending=True, stable=True)]


@checked
def step_sizes(n_patches: Natural, steps: int) -> list[int]:
    """How many patches are gone after each step, from 0 to all, in nearly equal steps.

    Raises
    ------
    InvalidArgument: no step.

    Example
    -------
    >>> step_sizes(10, 4)
    [0, 2, 5, 8, 10]
    """
    if steps < 1:
        raise InvalidArgument(f"cannot remove patches in {steps} steps: expected at least 1")
    steps = min(steps, n_patches)
    return [round(n_patches * step / steps) for step in range(steps + 1)]


@checked
def removed(order: Int[Tensor, "image patch"], number: Natural, rows: int) -> Bool[Tensor, "image row col"]:
    """True at the first `number` patches of an order, on the grid of `rows` rows.

    Example
    -------
    >>> removed(torch.tensor([[1, 2, 0]]), 2, rows=1)
    tensor([[[False,  True,  True]]])
    """
    if rows < 1 or order.shape[1] % rows or ((order < 0) | (order >= order.shape[1])).any():
        raise InvalidArgument(
            f"cannot remove patches of an order of {order.shape[1]} on a grid of {rows} rows: expected each patch once",
            "The order is that of patch_order, the rows those of its maps.",
        )
    gone = torch.zeros(order.shape, dtype=torch.bool, device=order.device)
    return gone.scatter_(1, order[:, :number], True).unflatten(1, (rows, -1))


@checked
def curve_area(scores: Float[Tensor, "*batch step"], sizes: list[int]) -> Float[Tensor, "*batch"]:
    """Area under a score as patches go (deletion) or come (insertion): trapezoids over the share of patches, 0 to 1.

    Parameters
    ----------
    scores: one a step, such as the probability of the target class.
    sizes: patches gone after each step (`step_sizes`).

    Returns
    -------
    In the unit of the score; a score that does not change has itself as area. Deletion: smaller is better; insertion:
    larger is better.

    Raises
    ------
    InvalidArgument: not one score a step.

    Source
    ------
    petsiuk2018. Departs from it in: patches, not pixels; what replaces them is the caller's.

    Example
    -------
    >>> curve_area(torch.tensor([1.0, 0.5, 0.0]), [0, 1, 4])
    tensor(0.3750)
    """
    if scores.shape[-1] != len(sizes) or len(sizes) < 2:
        raise InvalidArgument(f"cannot take the area under {scores.shape[-1]} scores at {len(sizes)} steps")
    share = torch.tensor(sizes, dtype=scores.dtype, device=scores.device) / sizes[-1]
    return torch.trapezoid(scores, share, dim=-1)


@checked
def pointing_hit(
    maps: Float[Tensor, "image row col"], inside: Bool[Tensor, "image row col"]
) -> Float[Tensor, " image"]:
    """Does the largest patch of the map lie on the object? The share of the largest patches that do, where several tie.

    Parameters
    ----------
    inside: whether the centre of a patch is on the object.

    Returns
    -------
    0 or 1, between them for ties. A constant map hits by chance: the share of the patches on the object.

    Source
    ------
    zhang2018, the pointing game. Departs from it in: patches, no margin around the object.

    Example
    -------
    >>> pointing_hit(torch.tensor([[[0.1, 0.9]]]), torch.tensor([[[False, True]]]))
    tensor([1.])
    """
    flat = maps.flatten(1)
    largest = flat == flat.amax(1, keepdim=True)
    return (largest & inside.flatten(1)).sum(1) / largest.sum(1).to(maps.dtype)


@checked
def mass_inside(
    maps: Float[Tensor, "image row col"], covered: Float[Tensor, "image row col"]
) -> Float[Tensor, " image"]:
    """Share of the map's mass on the object: sum of map x covered over sum of map.

    Parameters
    ----------
    maps: no negative entry.
    covered: share of each patch's area that is on the object, [0, 1].

    Returns
    -------
    [0, 1]; a constant map has the object's share of the image. NaN where the map is 0 everywhere.

    Raises
    ------
    InvalidArgument: a negative entry.

    Example
    -------
    >>> mass_inside(torch.tensor([[[1.0, 3.0]]]), torch.tensor([[[0.0, 0.5]]]))
    tensor([0.3750])
    """
    if (maps < 0).any():
        raise InvalidArgument("cannot share out the mass of a map that has negative entries")
    total = maps.flatten(1).sum(1)
    part = (maps * covered).flatten(1).sum(1)
    return torch.where(total > 0, part / total, math.nan)


@checked
def centre_map(rows: Natural, cols: Natural) -> Float[Tensor, "row col"]:
    """A map that knows nothing but where the middle is: a Gaussian, its deviation a quarter of each side.

    The baseline that any map of photographs must beat: photographers centre their objects.

    Example
    -------
    >>> centre_map(1, 3)
    tensor([[0.4111, 1.0000, 0.4111]])
    """

    def along(n: int) -> Tensor:
        place = (torch.arange(n) + 0.5) / n - 0.5
        return torch.exp(-((place / 0.25) ** 2) / 2)

    return along(rows)[:, None] * along(cols)
