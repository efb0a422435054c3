"""Reference implementations of vitscope.patterns, one matrix at a time: loops over float64 numbers."""

import itertools
import math

import numpy as np
from tests.reference import measures as twin
from tests.reference import pattern_places as places


def overlap(patch, size, cell, cells=8):
    """Part of the patch's length that lies in the cell, along one axis of the image."""
    low, high = cell * size / cells, (cell + 1) * size / cells
    return max(0.0, min(high, patch + 1) - max(low, patch))


def members(layout):
    """{place of the common matrix: {token: part of the token that belongs to it}}."""
    prefix = list(layout.prefix)
    places = {0: {i: 1.0 for i, name in enumerate(prefix) if name == "cls"}}
    places[1] = {i: 1.0 for i, name in enumerate(prefix) if name != "cls"}
    for row, col in itertools.product(range(8), range(8)):
        places[2 + 8 * row + col] = {
            token: overlap(r, layout.rows, row) * overlap(c, layout.cols, col) for token, r, c in twin.grid(layout)
        }
    return {place: {token: part for token, part in whole.items() if part} for place, whole in places.items()}


def common_matrix(matrix, layout):
    common = np.zeros((66, 66))
    places = members(layout)
    for a, queries in places.items():
        whole = sum(queries.values())
        for b, keys in places.items():
            for query, of_query in queries.items():
                for key, of_key in keys.items():
                    common[a, b] += of_query / whole * matrix[query, key] * of_key
    return common


def offset_view(matrix, layout):
    view = np.zeros((15, 15))
    patches = twin.grid(layout)
    for (query, row, col), (key, key_row, key_col) in itertools.product(patches, patches):
        down, right = (max(-7, min(7, offset)) for offset in (key_row - row, key_col - col))
        view[7 + down, 7 + right] += matrix[query, key] / len(patches)
    return view


def above_chance(matrix, layout, belongs):
    patches, n_tokens = twin.grid(layout), len(layout.prefix) + layout.rows * layout.cols
    pairs = [(q, k) for q in patches for k in patches if belongs(q, k)]
    share = sum(matrix[q[0], k[0]] for q, k in pairs) / len(patches)
    chance = len(pairs) / (len(patches) * n_tokens)
    return 0.0 if chance == 1 else (share - chance) / (1 - chance)


def largest_keys(matrix, layout):
    patches, cls = twin.patch_tokens(layout), twin.cls_index(layout)
    means = sorted(sum(matrix[q, key] for q in patches) / len(patches) for key in range(len(matrix)) if key != cls)
    return means[-1], means[-2] if len(means) > 1 else 0.0


def coherence(matrix, layout, of_queries):
    """Correlation 2 sum(x y) / sum(x^2 + y^2) over neighbours in a row and over neighbours in a column; the smaller."""
    patches = twin.grid(layout)
    roots = {(q[1:], k[1:]): math.sqrt(matrix[q[0], k[0]]) for q in patches for k in patches}
    means = {q[1:]: sum(roots[q[1:], k[1:]] for k in patches) / len(patches) for q in patches}
    found = []
    for down, right in ((1, 0), (0, 1)):
        products = squares = 0.0
        for q, k in itertools.product(patches, patches):
            other = (q if of_queries else k)[1:]
            other = (other[0] + down, other[1] + right)
            pair = (other, k[1:]) if of_queries else (q[1:], other)
            if pair in roots:
                x, y = roots[q[1:], k[1:]] - means[q[1:]], roots[pair] - means[pair[0]]
                products, squares = products + 2 * x * y, squares + x * x + y * y
        if squares > 0:
            found.append(products / squares)
    return min(found, default=0.0)


def features(matrix, layout, order):
    """{name: value} of every feature, in a given order."""
    mass, n_tokens = twin.ring_mass(matrix, layout), len(matrix)
    regions, has_cls = twin.region_sums(matrix, layout), twin.cls_index(layout) is not None
    diagonal = math.hypot(layout.rows * layout.patch[0], layout.cols * layout.patch[1])
    entropy, largest = float(np.mean(twin.entropy(matrix))), largest_keys(matrix, layout)
    near = max(1, round(min(layout.rows, layout.cols) / 7))
    keys, offsets, variance = (of(matrix, layout) for of in (places.of_keys, places.of_offsets, places.of_variance))
    found = keys | offsets | variance
    found |= {
        "self": mass[0],
        "ring_1": sum(mass[1:2]),
        "ring_2": sum(mass[2:3]),
        "ring_3": sum(mass[3:4]),
        "ring_4_7": sum(mass[4:8]),
        "ring_8_on": sum(mass[8:]),
        "to_cls": twin.mass_to_cls(matrix, layout) if has_cls else 0.0,
        "to_other": twin.mass_to_others(matrix, layout),
        "cls_self": regions[0] if has_cls else 0.0,
        "cls_to_patches": regions[1] if has_cls else 0.0,
        "distance": twin.mean_distance(matrix, layout) / diagonal,
        "entropy": entropy / math.log(n_tokens),
        "breadth": math.exp(entropy) / n_tokens,
        "cls_entropy": twin.cls_entropy(matrix, layout) / math.log(n_tokens) if has_cls else 0.0,
        "nmi": twin.nmi(matrix, layout),
        "sink": min(16.0, math.log2(twin.concentration(matrix))),
        "largest_key": largest[0],
        "second_key": largest[1],
        "near": above_chance(matrix, layout, lambda q, k: twin.chebyshev(q, k) <= near),
        "row": above_chance(matrix, layout, lambda q, k: q[1] == k[1]),
        "column": above_chance(matrix, layout, lambda q, k: q[2] == k[2]),
        "same_map": coherence(matrix, layout, of_queries=True),
        "same_region": coherence(matrix, layout, of_queries=False),
    }
    return {name: found[name] for name in order}
