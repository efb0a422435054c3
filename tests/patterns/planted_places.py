"""Planted heads of the second family: places, shifts, rings, several keys; noise up to half of the weight.

A head is some matrices, one an image. Shares nothing with `vitscope.patterns`: no code, no threshold. `KINDS` says for
each kind how a head is drawn and which names are right for it. The first name is the plain one; the others are near
synonyms, and the reason stands beside each:
- a frame one patch wide is the border; two wide still is, to who counts the outermost patches only;
- blocks in all four corners are the corners; blocks of 2 x 2 are also few keys;
- a bell whose centre lies on the neighbour looks one patch aside, and is local;
- offsets on a torus (`far shift`) are two or four offsets, none of which need stand out.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vitscope.tokens import TokenLayout

Array = np.ndarray
Keys = Callable[[TokenLayout, np.random.Generator], Array]


@dataclass(frozen=True)
class Kind:
    """How a head's patterns are drawn: [query, key], rows need not sum to 1; anew for each image where `content`."""

    draw: Keys
    right: tuple[str, ...]
    content: bool = False
    fits: Callable[[TokenLayout], bool] = lambda tokens: True


def _places(tokens):
    row, col = np.divmod(np.arange(tokens.n_patches), tokens.cols)
    return row, col


def _away(tokens):
    row, col = _places(tokens)
    return row - row[:, None], col - col[:, None]


def _by_patches(weights, tokens):
    """Patches follow the pattern, prefix tokens look everywhere alike."""
    whole = np.full((tokens.n_tokens, tokens.n_tokens), 1 / tokens.n_tokens)
    whole[tokens.n_prefix :] = 0
    whole[tokens.patches, tokens.patches] = weights
    return whole


def _keys(weights, tokens):
    """All queries look at the same patches."""
    return np.tile(np.concatenate([np.zeros(tokens.n_prefix), weights.astype(float)]), (tokens.n_tokens, 1))


def _side(tokens):
    return min(tokens.rows, tokens.cols)


# Relative to the query.


def _bell(low, high, tokens, rng, step=0.0):
    down, right = _away(tokens)
    width, angle = rng.uniform(low, high), rng.uniform(0, 2 * np.pi)
    squares = (down - step * np.sin(angle)) ** 2 + (right - step * np.cos(angle)) ** 2
    return _by_patches(np.exp(-squares / (2 * width**2)), tokens)


def _local(tokens, rng):
    return _bell(0.8, min(1.8, 0.18 * _side(tokens)), tokens, rng, rng.uniform(0, 0.6))


def _wide(tokens, rng):
    return _bell(4 / 14 * _side(tokens), 0.5 * _side(tokens), tokens, rng)


def shifted(tokens, down, right, rng):
    """Every patch looks at the one at an offset; those that have none look at the border, at themselves or evenly."""
    row, col = _places(tokens)
    weights = np.zeros((tokens.n_patches, tokens.n_patches))
    at, inside = (row + down, col + right), None
    inside = (at[0] >= 0) & (at[0] < tokens.rows) & (at[1] >= 0) & (at[1] < tokens.cols)
    cut = np.clip(at[0], 0, tokens.rows - 1) * tokens.cols + np.clip(at[1], 0, tokens.cols - 1)
    elsewhere = rng.integers(3)
    for query in range(tokens.n_patches):
        if inside[query] or elsewhere == 0:
            weights[query, cut[query]] = 1
        elif elsewhere == 1:
            weights[query, query] = 1
        else:
            weights[query] = 1 / tokens.n_patches
    return _by_patches(weights, tokens)


def _toward(down, right):
    return lambda tokens, rng: shifted(tokens, down, right, rng)


def _farther(tokens, rng):
    """Two patches and more along an axis, up to a third of the grid."""
    size = int(rng.integers(2, max(3, _side(tokens) // 3) + 1)) * int(rng.choice([-1, 1]))
    return shifted(tokens, *((size, 0) if rng.integers(2) else (0, size)), rng)


def _diagonal(tokens, rng):
    most = max(2, _side(tokens) // 4)
    down, right = (int(rng.integers(1, most + 1)) * int(rng.choice([-1, 1])) for _ in range(2))
    return shifted(tokens, down, right, rng)


def _ring(radius):
    def draw(tokens, rng):
        down, right = _away(tokens)
        return _by_patches((np.maximum(abs(down), abs(right)) == radius) + 1e-9, tokens)

    return draw


def _circle(tokens, rng):
    down, right = _away(tokens)
    radius = rng.uniform(0.25, 0.45) * _side(tokens)
    return _by_patches(np.exp(-((np.hypot(down, right) - max(radius, 2.5)) ** 2) / (2 * 0.5**2)) + 1e-9, tokens)


def _cross(tokens, rng):
    down, right = _away(tokens)
    return _by_patches(((down == 0) | (right == 0)) + 0.0, tokens)


def _row(tokens, rng):
    return _by_patches((_away(tokens)[0] == 0) + 0.0, tokens)


def _column(tokens, rng):
    return _by_patches((_away(tokens)[1] == 0) + 0.0, tokens)


# The same keys for every query.


def _corner_patches(tokens):
    row, col = _places(tokens)
    return np.isin(row, (0, tokens.rows - 1)) & np.isin(col, (0, tokens.cols - 1))


def _corners(tokens, rng):
    return _keys(_corner_patches(tokens) * rng.uniform(0.7, 1.3, tokens.n_patches), tokens)


def _corner_blocks(tokens, rng):
    row, col = _places(tokens)
    return _keys((np.minimum(row, tokens.rows - 1 - row) < 2) & (np.minimum(col, tokens.cols - 1 - col) < 2), tokens)


def _frame(width):
    def draw(tokens, rng):
        row, col = _places(tokens)
        edge = np.minimum(np.minimum(row, tokens.rows - 1 - row), np.minimum(col, tokens.cols - 1 - col))
        return _keys(edge < width, tokens)

    return draw


def _centre(tokens, rng):
    row, col = _places(tokens)
    middle = abs(row - (tokens.rows - 1) / 2) < tokens.rows / 4
    return _keys(middle & (abs(col - (tokens.cols - 1) / 2) < tokens.cols / 4), tokens)


def _half(tokens, rng):
    place, size = (_places(tokens)[axis := int(rng.integers(2))], (tokens.rows, tokens.cols)[axis])
    return _keys((place < size / 2) == bool(rng.integers(2)), tokens)


def _quadrant(tokens, rng):
    row, col = _places(tokens)
    upper, left = (bool(rng.integers(2)) for _ in range(2))
    return _keys(((row < tokens.rows / 2) == upper) & ((col < tokens.cols / 2) == left), tokens)


def _object(tokens, rng):
    """Overlapping ellipses around one place."""
    row, col = _places(tokens)
    centre = np.array([rng.uniform(0.15, 0.85) * tokens.rows, rng.uniform(0.15, 0.85) * tokens.cols])
    blob = np.zeros(tokens.n_patches)
    for _ in range(int(rng.integers(2, 4))):
        at = centre + rng.normal(size=2) * 0.06 * np.array([tokens.rows, tokens.cols])
        height, width = rng.uniform(0.12, 0.2, size=2) * np.array([tokens.rows, tokens.cols])
        blob = np.maximum(blob, np.exp(-(((row + 0.5 - at[0]) / height) ** 2 + ((col + 0.5 - at[1]) / width) ** 2) / 2))
    return _keys(blob, tokens)


def _own_segment(tokens, rng):
    """Queries look at the part of the image they belong to: an object in front of what is behind it."""
    row, col = _places(tokens)
    at = rng.uniform(0.3, 0.7, 2) * np.array([tokens.rows, tokens.cols])
    half = rng.uniform(0.18, 0.3, 2) * np.array([tokens.rows, tokens.cols])
    inside = ((row + 0.5 - at[0]) / half[0]) ** 2 + ((col + 0.5 - at[1]) / half[1]) ** 2 < 1.6
    return _by_patches((inside[:, None] == inside) + 0.0, tokens)


def _several(n):
    def draw(tokens, rng):
        weights = np.zeros(tokens.n_patches)
        row, col = _places(tokens)
        chosen: list[int] = []
        for patch in rng.permutation(tokens.n_patches):  # apart, as keys of a sink are
            near = any(max(abs(row[patch] - row[other]), abs(col[patch] - col[other])) < 2 for other in chosen)
            if len(chosen) < n and not near:
                chosen.append(int(patch))
        weights[chosen] = rng.uniform(0.7, 1.3, len(chosen))
        return _keys(weights, tokens)

    return draw


def _prefix(first, stop):
    def draw(tokens, rng):
        keys = np.zeros(tokens.n_tokens)
        keys[first : min(stop, tokens.n_prefix)] = rng.uniform(0.7, 1.3, min(stop, tokens.n_prefix) - first)
        return np.tile(keys, (tokens.n_tokens, 1))

    return draw


def _even(tokens, rng):
    return np.ones((tokens.n_tokens, tokens.n_tokens))


def _cls_on_a_blob(tokens, rng):
    whole = _even(tokens, rng)
    whole[0] = _object(tokens, rng)[0]
    return whole


# Nothing that has a name.


def _checkerboard(tokens, rng):
    row, col = _places(tokens)
    return _keys((row + col + rng.integers(2)) % 2, tokens)


def _permutation(tokens, rng):
    return _by_patches(np.eye(tokens.n_patches)[rng.permutation(tokens.n_patches)], tokens)


def _mirror(tokens, rng):
    return _by_patches(np.eye(tokens.n_patches)[::-1], tokens)


def _own_keys(tokens, rng):
    drawn = rng.random((tokens.n_patches, tokens.n_patches)).argsort(1)[:, :4]
    weights = np.zeros((tokens.n_patches, tokens.n_patches))
    np.put_along_axis(weights, drawn, 1.0, axis=1)
    return _by_patches(weights, tokens)


def _has_cls(tokens):
    return tokens.cls is not None


def _has_registers(tokens):
    return tokens.n_prefix > 2


BORDER = ("border", "fixed place")
KINDS: dict[str, Kind] = {
    "self": Kind(lambda tokens, rng: np.eye(tokens.n_tokens), ("self",)),
    "local": Kind(_local, ("local",)),
    "wide local": Kind(_wide, ("wide local", "local")),
    "one left": Kind(_toward(0, -1), ("one patch left",)),
    "one right": Kind(_toward(0, 1), ("one patch right",)),
    "one up": Kind(_toward(-1, 0), ("one patch up",)),
    "one down": Kind(_toward(1, 0), ("one patch down",)),
    "2 left": Kind(_toward(0, -2), ("shift",)),
    "2 down": Kind(_toward(2, 0), ("shift",)),
    "3 right": Kind(_toward(0, 3), ("shift",)),
    "3 up": Kind(_toward(-3, 0), ("shift",)),
    "farther": Kind(_farther, ("shift",)),
    "diagonal": Kind(_diagonal, ("shift",)),
    "row": Kind(_row, ("row",)),
    "column": Kind(_column, ("column",)),
    "cross": Kind(_cross, ("cross",)),
    "ring at 3": Kind(_ring(3), ("ring",)),
    "ring at 5": Kind(_ring(5), ("ring",), fits=lambda tokens: _side(tokens) >= 11),
    "circle": Kind(_circle, ("ring",)),
    "one key": Kind(_several(1), ("one-key stripe",)),
    "one key by content": Kind(_several(1), ("one-key stripe",), content=True),
    **{f"{n} keys": Kind(_several(n), ("few keys",)) for n in (2, 3, 5, 8)},
    "4 keys by content": Kind(_several(4), ("few keys",), content=True),
    "corners": Kind(_corners, ("corners",)),
    "corner blocks": Kind(_corner_blocks, ("fixed place", "corners", "few keys", "border")),
    "frame": Kind(_frame(1), BORDER),
    "wide frame": Kind(_frame(2), ("fixed place", "border"), fits=lambda tokens: _side(tokens) >= 12),
    "centre": Kind(_centre, ("fixed place",)),
    "half": Kind(_half, ("fixed place",)),
    "quadrant": Kind(_quadrant, ("fixed place",)),
    "fixed blob": Kind(_object, ("fixed place",)),
    "content blob": Kind(_object, ("content blob",), content=True),
    "own segment": Kind(_own_segment, ("content blob",), content=True),
    "registers": Kind(_prefix(1, 5), ("registers",), fits=_has_registers),
    "CLS sink": Kind(_prefix(0, 1), ("CLS sink",), fits=_has_cls),
    "uniform": Kind(_even, ("uniform",)),
    "CLS on a blob": Kind(_cls_on_a_blob, ("CLS on a blob",), content=True, fits=_has_cls),
    "checkerboard": Kind(_checkerboard, ("mixed",)),
    "permutation": Kind(_permutation, ("mixed",)),
    "mirror": Kind(_mirror, ("mixed",)),
    "own keys": Kind(_own_keys, ("mixed",)),
}


def head(kind: str, tokens: TokenLayout, n_images: int, seed: int, share: float, spread: float) -> Array:
    """Matrices [image, query, key] float32 of one head: `share` of the weight follows the pattern, the rest is noise.

    The noise is drawn anew for every image and query: exponentials of normal numbers with a standard deviation of
    `spread` (1 = a factor of e), rescaled to sum to 1.
    """
    kinds = list(KINDS)
    rng = np.random.default_rng([seed, kinds.index(kind), tokens.rows, tokens.cols, tokens.n_prefix])
    of, pattern, made = KINDS[kind], None, []
    for _ in range(n_images):
        if pattern is None or of.content:
            pattern = of.draw(tokens, rng)
            pattern = pattern / pattern.sum(-1, keepdims=True)
        noise = np.exp(spread * rng.standard_normal(pattern.shape))
        made.append(share * pattern + (1 - share) * noise / noise.sum(-1, keepdims=True))
    return np.stack(made).astype(np.float32)
