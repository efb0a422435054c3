"""Reference implementations of the features of places, steps and parts of the variance: loops over float64 numbers."""

import itertools
import math

import numpy as np
from tests.reference import measures as twin


def share_above_chance(weight, members, n_tokens):
    """(share - u) / (1 - u), u = members of a row over its tokens."""
    chance = members / n_tokens
    return 0.0 if chance == 1 else (weight - chance) / (1 - chance)


def profile(matrix, layout):
    """{token: mean weight that patches give it}."""
    patches = twin.patch_tokens(layout)
    return {key: sum(matrix[q, key] for q in patches) / len(patches) for key in range(len(matrix))}


def region(values):
    """Correlation of the roots of neighbouring places' weights {(row, col): weight}, the smaller one of both axes."""
    roots = {place: math.sqrt(value) for place, value in values.items()}
    mean = sum(roots.values()) / len(roots)
    found = []
    for down, right in ((1, 0), (0, 1)):
        products = squares = 0.0
        for (row, col), root in roots.items():
            other = roots.get((row + down, col + right))
            if other is not None:
                products += 2 * (root - mean) * (other - mean)
                squares += (root - mean) ** 2 + (other - mean) ** 2
        if squares > 0:
            found.append(products / squares)
    return min(found, default=0.0)


def uneven(weights):
    mean = sum(weights) / len(weights)
    return sum(max(0.0, weight - mean) for weight in weights)


def of_keys(matrix, layout):
    keys, n_tokens, cls = profile(matrix, layout), len(matrix), twin.cls_index(layout)
    places = {(row, col): keys[token] for token, row, col in twin.grid(layout)}
    last = (layout.rows - 1, layout.cols - 1)
    corners = {place for place in places if place[0] in (0, last[0]) and place[1] in (0, last[1])}
    border = {place for place in places if place[0] in (0, last[0]) or place[1] in (0, last[1])}
    largest = sorted((weight for key, weight in keys.items() if key != cls), reverse=True)[:8]
    row = {(r, c): matrix[cls, token] for token, r, c in twin.grid(layout)} if cls is not None else {}
    total = sum(row.values())
    return {
        "eight_keys": share_above_chance(sum(largest), len(largest), n_tokens),
        "corners": share_above_chance(sum(places[place] for place in corners), len(corners), n_tokens),
        "border": share_above_chance(sum(places[place] for place in border), len(border), n_tokens),
        "place": uneven(list(places.values())),
        "profile_region": region(places),
        "cls_place": uneven(list(row.values())) / total if total else 0.0,
        "cls_region": region(row) if row else 0.0,
    }


def of_offsets(matrix, layout):
    patches, n_tokens = twin.grid(layout), len(matrix)
    sums, pairs = {}, {}
    for q, k in itertools.product(patches, patches):
        offset = (k[1] - q[1], k[2] - q[2])
        sums[offset] = sums.get(offset, 0.0) + matrix[q[0], k[0]]
        pairs[offset] = pairs.get(offset, 0) + 1

    def share(belongs):
        weight = sum(value for offset, value in sums.items() if belongs(*offset)) / len(patches)
        members = sum(value for offset, value in pairs.items() if belongs(*offset)) / len(patches)
        return share_above_chance(weight, members, n_tokens)

    side = min(layout.rows, layout.cols)
    reach = 2 * max(1, round(side / 7))
    rings = []
    for k in range(2, max(2, side // 2) + 1):
        if any(max(abs(down), abs(right)) == k for down, right in sums):
            on = share(lambda down, right, k=k: max(abs(down), abs(right)) == k)
            rings.append((on, share(lambda down, right, k=k: max(abs(down), abs(right)) < k)))
        if k > 2:
            on = share(lambda down, right, k=k: abs(math.hypot(down, right) - k) < 1)
            rings.append((on, share(lambda down, right, k=k: math.hypot(down, right) <= k - 1)))
    ring = max(rings, key=lambda found: found[0], default=(0.0, 0.0))
    counted = {at: sums[at] / n for at, n in pairs.items() if n >= len(patches) / 4 and at != (0, 0)}
    order = sorted(counted, key=lambda at: -counted[at])
    told = bool(order) and counted[order[0]] >= 0.1
    return {
        "wide": share(lambda down, right: max(abs(down), abs(right)) <= reach),
        "cross": share(lambda down, right: down == 0 or right == 0),
        "ring": ring[0],
        "ring_inside": ring[1],
        "step": counted[order[0]] if order else 0.0,
        "step_rival": counted[order[1]] if len(order) > 1 else 0.0,
        "step_down": order[0][0] if told else 0.0,
        "step_right": order[0][1] if told else 0.0,
    }


def of_variance(matrix, layout):
    """equivariance, by_offset, by_key, by_query, structure: see docs/definitions.md."""
    patches = twin.grid(layout)
    n = len(patches)
    roots = {(q[1:], k[1:]): math.sqrt(matrix[q[0], k[0]]) for q in patches for k in patches}
    places = [place[1:] for place in patches]
    means = {q: sum(roots[q, k] for k in places) / n for q in places}
    r = {(q, k): root - means[q] for (q, k), root in roots.items()}
    by_offset = {}
    for (q, k), value in r.items():
        by_offset.setdefault((k[0] - q[0], k[1] - q[1]), []).append(value)
    mean = {offset: sum(values) / len(values) for offset, values in by_offset.items()}
    energy, total = sum(root**2 for root in roots.values()), sum(value**2 for value in r.values())
    offset = sum(len(values) * mean[at] ** 2 for at, values in by_offset.items())
    key = sum((sum(r[q, k] for q in places) / n) ** 2 for k in places) * n
    rests = []
    for down, right in ((1, 0), (0, 1)):
        pairs = [(q, (q[0] + down, q[1] + right)) for q in places if (q[0] + down, q[1] + right) in means]
        if pairs:
            shared = np.mean([r[q, k] * r[other, k] for q, other in pairs for k in places])
            planted = [
                mean[k[0] - q[0], k[1] - q[1]] * mean[k[0] - other[0], k[1] - other[1]]
                for q, other in pairs
                for k in places
            ]
            rests.append(n * n * (shared - np.mean(planted)) - key)
    query = max(0.0, min(rests, default=0.0))
    noise = max(0.0, total - offset - key - query) / n**2
    parts = [max(0.0, offset - noise * len(by_offset)), max(0.0, key - noise * n), query]
    structured = sum(parts)
    shares = [part / structured if structured > 1e-5 * energy else 0.0 for part in parts]
    found = dict(zip(("by_offset", "by_key", "by_query"), shares, strict=True))
    return {"equivariance": offset / total} | found | {"structure": structured / energy}
