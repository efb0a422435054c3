"""Attention matrices whose pattern is known because it was planted: written from the idea of each pattern.

Shares nothing with `vitscope.patterns`: no code, no threshold. Every matrix is rows of weights that sum to 1, at full
resolution, with random parameters, a random share of weight that follows no pattern, and noise on every weight.

PURE: the eight patterns that have a name. MIXTURE: two of them at once (no single name fits). CONFUSERS: structure
that none of the names describes.
"""

from collections.abc import Callable

import numpy as np

from vitscope.tokens import TokenLayout

Array = np.ndarray
Draw = Callable[[TokenLayout, np.random.Generator], Array]

PREFIXES = {0: (), 1: ("cls",), 2: ("cls", "dist"), 5: ("cls", "reg1", "reg2", "reg3", "reg4")}


def layout(rows: int, cols: int, n_prefix: int = 1) -> TokenLayout:
    """A layout with the usual prefix tokens: 0 none, 1 CLS, 2 CLS and distillation, 5 CLS and four registers."""
    return TokenLayout(prefix=PREFIXES[n_prefix], rows=rows, cols=cols, patch=(16, 16))


LAYOUTS = (
    layout(14, 14, 1),
    layout(7, 7, 1),
    layout(14, 14, 0),
    layout(16, 12, 5),
    layout(12, 16, 2),
    layout(24, 24, 1),
    layout(16, 16, 5),
)
"""Grids and prefixes to try; the first is ViT-Tiny's."""


# The idea of each pattern: who gets the weight that follows it. Float [query, key], rows need not sum to 1.


def _self(tokens: TokenLayout, rng: np.random.Generator) -> Array:
    return np.eye(tokens.n_tokens)


def _local(tokens: TokenLayout, rng: np.random.Generator) -> Array:
    """A bell around the query, its centre up to one patch beside it."""
    row, col = _offsets(tokens)
    angle, step = rng.uniform(0, 2 * np.pi), rng.uniform(0, 1)
    width = rng.uniform(0.8, min(1.8, 0.18 * min(tokens.rows, tokens.cols)))
    squares = (row - step * np.sin(angle)) ** 2 + (col - step * np.cos(angle)) ** 2
    return _patch_queries(np.exp(-squares / (2 * width**2)), tokens)


def _row(tokens: TokenLayout, rng: np.random.Generator) -> Array:
    row, col = _offsets(tokens)
    return _patch_queries(_band(row, col, tokens.cols, rng), tokens)


def _column(tokens: TokenLayout, rng: np.random.Generator) -> Array:
    row, col = _offsets(tokens)
    return _patch_queries(_band(col, row, tokens.rows, rng), tokens)


def _one_key_stripe(tokens: TokenLayout, rng: np.random.Generator) -> Array:
    keys = np.zeros(tokens.n_tokens)
    keys[tokens.n_prefix + rng.integers(tokens.n_patches)] = 1
    return _all_queries(keys, tokens)


def _cls_sink(tokens: TokenLayout, rng: np.random.Generator) -> Array:
    keys = np.zeros(tokens.n_tokens)
    keys[tokens.cls] = 1
    return _all_queries(keys, tokens)


def _uniform(tokens: TokenLayout, rng: np.random.Generator) -> Array:
    return np.ones((tokens.n_tokens, tokens.n_tokens))


def _content_blob(tokens: TokenLayout, rng: np.random.Generator) -> Array:
    """An object: two or three overlapping ellipses around one place; all queries look at it, some of them harder."""
    row, col = _places(tokens)
    centre = np.array([rng.uniform(0.15, 0.85) * tokens.rows, rng.uniform(0.15, 0.85) * tokens.cols])
    blob = np.zeros(tokens.n_patches)
    for _ in range(rng.integers(2, 4)):
        at = centre + rng.normal(size=2) * 0.06 * np.array([tokens.rows, tokens.cols])
        height, width = rng.uniform(0.10, 0.17, size=2) * np.array([tokens.rows, tokens.cols])
        blob = np.maximum(blob, np.exp(-(((row - at[0]) / height) ** 2 + ((col - at[1]) / width) ** 2) / 2))
    return _all_queries(np.concatenate([np.zeros(tokens.n_prefix), blob]), tokens)


PURE: dict[str, Draw] = {
    "self": _self,
    "local": _local,
    "row": _row,
    "column": _column,
    "one-key stripe": _one_key_stripe,
    "CLS sink": _cls_sink,
    "uniform": _uniform,
    "content blob": _content_blob,
}


def _mixture(tokens: TokenLayout, rng: np.random.Generator) -> Array:
    """Two patterns of about equal weight. Not with uniform (a weaker pure one), not self with local (still local)."""
    kinds = [kind for kind in pure_kinds(tokens) if kind != "uniform"]
    first, second = rng.choice(kinds, size=2, replace=False)
    if {first, second} == {"self", "local"}:
        second = "row"
    share = rng.uniform(0.42, 0.58)
    return share * _shares(PURE[first](tokens, rng)) + (1 - share) * _shares(PURE[second](tokens, rng))


MIXTURE = "mixture"


def _checkerboard(tokens: TokenLayout, rng: np.random.Generator) -> Array:
    """All queries look at the black fields, which lie everywhere."""
    row, col = _places(tokens)
    black = (row.astype(int) + col.astype(int) + rng.integers(2)) % 2
    return _all_queries(np.concatenate([np.zeros(tokens.n_prefix), black]), tokens)


def _scattered_keys(tokens: TokenLayout, rng: np.random.Generator) -> Array:
    """All queries look at the same few keys, one in each of some distant parts of the grid."""
    row, col = _places(tokens)
    part = (3 * row // tokens.rows).astype(int) * 3 + (3 * col // tokens.cols).astype(int)
    keys = np.zeros(tokens.n_tokens)
    for chosen in rng.permutation(9)[: rng.integers(5, 10)]:
        keys[tokens.n_prefix + rng.choice(np.flatnonzero(part == chosen))] = rng.uniform(0.7, 1.3)
    return _all_queries(keys, tokens)


def _keys_of_their_own(tokens: TokenLayout, rng: np.random.Generator) -> Array:
    """Every query looks at a few keys drawn for it alone."""
    drawn = rng.random((tokens.n_patches, tokens.n_patches)).argsort(1)[:, :5]
    weights = np.zeros((tokens.n_patches, tokens.n_patches))
    np.put_along_axis(weights, drawn, rng.uniform(0.5, 1.5, drawn.shape), axis=1)
    return _patch_queries(weights, tokens)


def _permutation(tokens: TokenLayout, rng: np.random.Generator) -> Array:
    return _patch_queries(np.eye(tokens.n_patches)[rng.permutation(tokens.n_patches)], tokens)


def _far_shift(tokens: TokenLayout, rng: np.random.Generator) -> Array:
    """Every query looks at the patch at one far offset, around the border like on a torus."""
    row, col = _places(tokens)
    down = int(rng.integers(-(-tokens.rows // 3), tokens.rows * 2 // 3 + 1))
    right = int(rng.integers(-(-tokens.cols // 3), tokens.cols * 2 // 3 + 1))
    key = (row.astype(int) + down) % tokens.rows * tokens.cols + (col.astype(int) + right) % tokens.cols
    return _patch_queries(np.eye(tokens.n_patches)[key], tokens)


def _two_far_stripes(tokens: TokenLayout, rng: np.random.Generator) -> Array:
    """All queries look at two patches in opposite corners' quarters."""
    row, col = _places(tokens)
    part = (2 * row // tokens.rows).astype(int) * 2 + (2 * col // tokens.cols).astype(int)
    edge = (abs(row - tokens.rows / 2) > tokens.rows / 4) & (abs(col - tokens.cols / 2) > tokens.cols / 4)
    keys = np.zeros(tokens.n_tokens)
    for quarter in ((0, 3), (1, 2))[rng.integers(2)]:
        keys[tokens.n_prefix + rng.choice(np.flatnonzero((part == quarter) & edge))] = rng.uniform(0.9, 1.1)
    return _all_queries(keys, tokens)


def _ring(tokens: TokenLayout, rng: np.random.Generator) -> Array:
    """Every query looks at the patches about a third of the grid away, in all directions."""
    row, col = _offsets(tokens)
    radius = rng.uniform(0.36, 0.5) * min(tokens.rows, tokens.cols)
    return _patch_queries(np.exp(-((np.hypot(row, col) - radius) ** 2) / (2 * 0.5**2)) + 1e-9, tokens)


def _mirror(tokens: TokenLayout, rng: np.random.Generator) -> Array:
    """Every query looks at the patch on the other side of the image's centre."""
    return _patch_queries(np.eye(tokens.n_patches)[::-1], tokens)


CONFUSERS: dict[str, Draw] = {
    "checkerboard": _checkerboard,
    "scattered keys": _scattered_keys,
    "keys of their own": _keys_of_their_own,
    "permutation": _permutation,
    "far shift": _far_shift,
    "two far stripes": _two_far_stripes,
    "ring": _ring,
    "mirror": _mirror,
}

KINDS: dict[str, Draw] = PURE | {MIXTURE: _mixture} | CONFUSERS


def pure_kinds(tokens: TokenLayout) -> tuple[str, ...]:
    """The named patterns that exist for a layout: a CLS sink needs a CLS token."""
    return tuple(kind for kind in PURE if kind != "CLS sink" or tokens.cls is not None)


def matrices(kind: str, tokens: TokenLayout, n: int, seed: int = 0, *, noise: float = 1.0) -> Array:
    """n matrices of a kind, float32 [n, query, key]; `noise` scales the noise on single weights (0 = none)."""
    rng = np.random.default_rng([seed, list(KINDS).index(kind), tokens.rows, tokens.cols, tokens.n_prefix])
    return np.stack([_noisy(KINDS[kind](tokens, rng), rng, noise) for _ in range(n)]).astype(np.float32)


def labelled(tokens: TokenLayout, n_each: int, seed: int = 0, kinds: tuple[str, ...] | None = None):
    """(matrices float32 [m, query, key], kind number int [m], kinds): n of each kind, shuffled; default the pure."""
    kinds = pure_kinds(tokens) if kinds is None else kinds
    number = np.repeat(np.arange(len(kinds)), n_each)
    order = np.random.default_rng([seed, 7]).permutation(len(number))
    return np.concatenate([matrices(kind, tokens, n_each, seed) for kind in kinds])[order], number[order], kinds


def positional_head(tokens: TokenLayout, n_images: int, seed: int = 0, kind: str = "local") -> Array:
    """A head whose matrix is the same for every image but for a little noise: [image, query, key] float32."""
    rng = np.random.default_rng([seed, 1])
    always = _noisy(KINDS[kind](tokens, rng), rng, 1.0)
    return np.stack([_disturbed(always, rng, 0.05) for _ in range(n_images)]).astype(np.float32)


def content_head(tokens: TokenLayout, n_images: int, seed: int = 0, kind: str = "one-key stripe") -> Array:
    """A head whose target is drawn anew for every image: [image, query, key] float32."""
    return matrices(kind, tokens, n_images, seed)


# Tools.


def _noisy(pattern: Array, rng: np.random.Generator, noise: float) -> Array:
    """Weight beside the pattern, spread over all tokens; then noise on every weight, rows rescaled to sum to 1."""
    strength = rng.uniform(0.7, 0.97)
    return _disturbed(strength * _shares(pattern) + (1 - strength) / len(pattern), rng, noise * rng.uniform(0.1, 0.5))


def _disturbed(weights: Array, rng: np.random.Generator, noise: float) -> Array:
    return _shares(weights * np.exp(noise * rng.standard_normal(weights.shape)))


def _shares(weights: Array) -> Array:
    return weights / weights.sum(-1, keepdims=True)


def _places(tokens: TokenLayout) -> tuple[Array, Array]:
    """Centres of the patches, (row, column) float [patch]: the first is at (0.5, 0.5)."""
    row, col = np.divmod(np.arange(tokens.n_patches), tokens.cols)
    return row + 0.5, col + 0.5


def _offsets(tokens: TokenLayout) -> tuple[Array, Array]:
    """Key's place minus query's place, (rows, columns) float [query patch, key patch]."""
    row, col = _places(tokens)
    return row - row[:, None], col - col[:, None]


def _band(across: Array, along: Array, length: int, rng: np.random.Generator) -> Array:
    """A thin line through the query: sharp across it, flat or falling slowly along it."""
    thickness, reach = rng.uniform(0.25, 0.5), length * rng.uniform(0.5, 3)
    return np.exp(-(across**2) / (2 * thickness**2) - along**2 / (2 * reach**2))


def _patch_queries(weights: Array, tokens: TokenLayout) -> Array:
    """The pattern holds for patches; prefix tokens look everywhere alike."""
    whole = np.zeros((tokens.n_tokens, tokens.n_tokens))
    whole[: tokens.n_prefix] = 1 / tokens.n_tokens
    whole[tokens.patches, tokens.patches] = weights
    return whole


def _all_queries(keys: Array, tokens: TokenLayout) -> Array:
    """Every query looks at the same keys."""
    return np.tile(keys, (tokens.n_tokens, 1))
