"""The one way tests compare numbers: `assert_close` raises, and says how far apart and where."""

import numpy as np


def assert_close(actual, expected, *, rtol: float = 1e-6, atol: float = 0.0, what: str = "values") -> None:
    """Raise unless |actual - expected| <= atol + rtol |expected| everywhere; NaN equals NaN, inf equals inf.

    Tensors, arrays and numbers are compared as float64; shapes must be the same.
    """
    got, want = _float64(actual), _float64(expected)
    if got.shape != want.shape:
        raise AssertionError(f"{what}: shape {got.shape}, expected {want.shape}")
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    with np.errstate(invalid="ignore"):  # inf - inf where both are the same infinity
        difference = np.where(same, 0.0, np.abs(got - want))
        excess = difference - np.where(same, 0.0, atol + rtol * np.abs(want))
    wrong = ~same & ~(excess <= 0)
    if wrong.any():
        index = np.unravel_index(np.argmax(np.where(wrong, np.nan_to_num(excess, nan=np.inf), -np.inf)), wrong.shape)
        index = tuple(int(i) for i in index)
        raise AssertionError(
            f"{what}: {int(wrong.sum())} of {wrong.size} differ beyond rtol {rtol:g}, atol {atol:g}; "
            f"max difference {np.max(difference):.3e}, mean {np.mean(difference):.3e}; "
            f"worst at {index}: got {got[index]!r}, expected {want[index]!r}"
        )


def _float64(values) -> np.ndarray:
    if hasattr(values, "detach"):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values, dtype=np.float64)


def assert_effects_agree(actual, expected, what: str, *, absolute: float) -> None:
    """Compare effects [image, mode, layer, head] mode by mode: 1e-3 of the mode's largest effect + an absolute floor.

    Most single effects are tiny, so a fixed tolerance would pass zeros.
    """
    got, want = _float64(actual), _float64(expected)
    for mode in range(want.shape[1]):
        largest = np.nanmax(np.abs(want[:, mode]), initial=0.0)
        assert_close(got[:, mode], want[:, mode], rtol=0, atol=1e-3 * largest + absolute, what=f"{what}, mode {mode}")
