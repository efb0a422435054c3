"""Reference implementations of vitscope.measures, one matrix at a time: loops over plain float64 numbers.

`prefix` is the tuple of prefix names, `rows` x `cols` the grid, `patch` = (height, width) in pixels.
"""

import itertools
import math

import numpy as np


def grid(layout):
    """Token index, row and column of each patch."""
    n_prefix = len(layout.prefix)
    return [(n_prefix + row * layout.cols + col, row, col) for row in range(layout.rows) for col in range(layout.cols)]


def cls_index(layout):
    return list(layout.prefix).index("cls") if "cls" in layout.prefix else None


def patch_tokens(layout):
    return [token for token, _, _ in grid(layout)]


def chebyshev(a, b):
    return max(abs(a[1] - b[1]), abs(a[2] - b[2]))


def ring_mass(matrix, layout):
    patches = grid(layout)
    mass = [0.0] * max(layout.rows, layout.cols)
    for query in patches:
        for key in patches:
            mass[chebyshev(query, key)] += matrix[query[0], key[0]] / len(patches)
    return mass


def ring_density(matrix, layout):
    patches = grid(layout)
    density = []
    for hop in range(max(layout.rows, layout.cols)):
        per_query = []
        for query in patches:
            ring = [key for key in patches if chebyshev(query, key) == hop]
            if ring:
                per_query.append(sum(matrix[query[0], key[0]] for key in ring) / len(ring))
        density.append(sum(per_query) / len(per_query))
    return density


def ring_pairs(rows, cols):
    """Number of ordered patch pairs at each hop."""
    cells = list(itertools.product(range(rows), range(cols)))
    count = [0] * max(rows, cols)
    for a, b in itertools.product(cells, cells):
        count[max(abs(a[0] - b[0]), abs(a[1] - b[1]))] += 1
    return count


def mass_to(matrix, layout, tokens):
    patches = patch_tokens(layout)
    return sum(matrix[query, key] for query in patches for key in tokens) / len(patches)


def mass_to_cls(matrix, layout):
    cls = cls_index(layout)
    return math.nan if cls is None else mass_to(matrix, layout, [cls])


def mass_to_others(matrix, layout):
    return mass_to(matrix, layout, [i for i, name in enumerate(layout.prefix) if name != "cls"])


def region_sums(matrix, layout):
    cls, patches = cls_index(layout), patch_tokens(layout)
    pp = sum(matrix[i, j] for i in patches for j in patches)
    if cls is None:
        return [math.nan, math.nan, math.nan, pp]
    return [matrix[cls, cls], sum(matrix[cls, j] for j in patches), sum(matrix[i, cls] for i in patches), pp]


def mean_distance(matrix, layout, variant="drop"):
    patches = grid(layout)
    height, width = layout.patch
    sinks = sink_keys(matrix, layout) if variant == "no-sinks" else [False] * len(matrix)
    keys = [key for key in patches if not sinks[key[0]]]
    per_query = []
    for i, row, col in patches:
        mass = sum(matrix[i, j] for j, _, _ in keys)
        total = sum(matrix[i, j] * math.hypot((row - r) * height, (col - c) * width) for j, r, c in keys)
        if variant == "drop":
            per_query.append(total)
        elif mass > 0:
            per_query.append(total / mass)
    return sum(per_query) / len(per_query) if per_query else math.nan


def key_shares(matrix, layout):
    patches = patch_tokens(layout)
    return [sum(matrix[i, j] for i in patches) / len(patches) for j in range(len(matrix))]


def few_keys(matrix, layout):
    held = 0.0
    for count, share in enumerate(sorted(key_shares(matrix, layout), reverse=True), start=1):
        held += share
        if held >= 0.5 - 1e-6:
            return count
    return len(matrix)


def corners(matrix, layout):
    shares, ends = key_shares(matrix, layout), ((0, layout.rows - 1), (0, layout.cols - 1))
    return sum(shares[token] for token, row, col in grid(layout) if row in ends[0] and col in ends[1])


def border(matrix, layout):
    shares, ends = key_shares(matrix, layout), ((0, layout.rows - 1), (0, layout.cols - 1))
    return sum(shares[token] for token, row, col in grid(layout) if row in ends[0] or col in ends[1])


def sink_keys(matrix, layout):
    return [share >= 0.05 and share >= 4 / len(matrix) for share in key_shares(matrix, layout)]


def step(matrix, layout):
    down = right = near = 0.0
    for query in grid(layout):
        for key in grid(layout):
            if chebyshev(query, key) <= 2:
                near += matrix[query[0], key[0]]
                down += matrix[query[0], key[0]] * (key[1] - query[1])
                right += matrix[query[0], key[0]] * (key[2] - query[2])
    return [down / near, right / near] if near > 0 else [math.nan, math.nan]


def neighbour(matrix, layout):
    best = 0.0
    for a, b in itertools.product((-1, 0, 1), (-1, 0, 1)):
        if (a, b) != (0, 0):
            pairs = itertools.product(grid(layout), grid(layout))
            there = [matrix[i, j] for (i, r, c), (j, y, x) in pairs if (y - r, x - c) == (a, b)]
            best = max(best, sum(there) / (layout.rows * layout.cols))
    return best


def shannon(weights):
    """Entropy in nats of weights as they are."""
    return -sum(w * math.log(w) for w in weights if w > 0)


def rescaled(weights):
    total = sum(weights)
    return [w / total for w in weights] if total > 0 else [math.nan] * len(weights)


def entropy(matrix):
    return [shannon(row) for row in matrix]


def mean_entropy(matrix, layout):
    return sum(entropy(matrix)) / len(matrix)


def cls_entropy(matrix, layout):
    cls = cls_index(layout)
    return math.nan if cls is None else shannon(matrix[cls])


def cls_row(matrix, layout):
    """The CLS->patch row rescaled to sum to 1; None where it is not defined."""
    cls = cls_index(layout)
    if cls is None:
        return None
    row = [matrix[cls, j] for j in patch_tokens(layout)]
    return rescaled(row) if sum(row) > 0 else None


def focus(matrix, layout):
    row = cls_row(matrix, layout)
    return math.nan if row is None or len(row) == 1 else 1 - shannon(row) / math.log(len(row))


def coverage(matrix, layout, mass=0.6):
    row = cls_row(matrix, layout)
    if row is None:
        return math.nan
    held = 0.0
    for count, weight in enumerate(sorted(row, reverse=True), start=1):
        held += weight
        if held >= mass - 1e-6:
            return count / len(row)
    raise AssertionError("a row that sums to 1 reaches every mass")


def share_above_uniform(matrix, layout):
    row = cls_row(matrix, layout)
    return math.nan if row is None else sum(weight > (1 + 1e-6) / len(row) for weight in row) / len(row)


def nmi(matrix, layout):
    patches = patch_tokens(layout)
    rows = [rescaled([matrix[i, j] for j in patches]) for i in patches if sum(matrix[i, j] for j in patches) > 0]
    if not rows:
        return math.nan
    n = len(rows)
    p_key = [sum(row[j] for row in rows) / n for j in range(len(patches))]
    information = sum(
        row[j] / n * math.log((row[j] / n) / (p_key[j] / n)) for row in rows for j in range(len(patches)) if row[j] > 0
    )
    h_query, h_key = math.log(n), shannon(p_key)
    return 0.0 if h_key < 1e-12 or n == 1 else information / math.sqrt(h_query * h_key)


def column_sums(matrix):
    return [sum(matrix[i][j] for i in range(len(matrix))) for j in range(len(matrix[0]))]


def concentration(matrix, layout=None):
    sums = column_sums(matrix)
    median = float(np.median(sums))
    return max(sums) / median if median > 0 else math.inf


def map_entropy(rows):
    """[head][patch]: entropy of the mean row over the heads that exist, rescaled."""
    there = [row for row in rows if not any(math.isnan(w) for w in row)]
    if not there:
        return math.nan
    return shannon(rescaled([sum(column) / len(there) for column in zip(*there, strict=True)]))


def spread_level(entropies):
    known = sorted(value for value in entropies if not math.isnan(value))
    if not known:
        return [math.nan] * len(entropies)
    cuts = []
    for q in (0.25, 0.5, 0.75):
        place = q * (len(known) - 1)
        low = math.floor(place)
        high = min(low + 1, len(known) - 1)
        cuts.append(known[low] + (place - low) * (known[high] - known[low]))
    return [math.nan if math.isnan(value) else 1 + sum(value > cut for cut in cuts) for value in entropies]


def rollout(layers, layout=None, residual=0.5, fusion="mean", discard=0.0, start=0):
    """[layer][head, query, key] of one image -> [query, key]."""
    product = None
    for heads in layers[start:]:
        n = heads.shape[-1]
        fused = np.zeros((n, n))
        for i in range(n):
            for j in range(n):
                values = [float(head[i, j]) for head in heads]
                fused[i, j] = {"mean": sum(values) / len(values), "max": max(values), "min": min(values)}[fusion]
        if discard:
            cls = cls_index(layout)
            entries = sorted((fused[i, j], i, j) for i in range(n) for j in range(n) if j != cls)
            for _, i, j in entries[: math.floor(discard * len(entries))]:
                fused[i, j] = 0.0
        mixed = np.zeros((n, n))
        for i in range(n):
            for j in range(n):
                mixed[i, j] = (1 - residual) * fused[i, j] + (residual if i == j else 0.0)
            mixed[i] /= mixed[i].sum()
        product = mixed if product is None else np.einsum("ik,kj->ij", mixed, product)
    return product


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    length = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b))
    return dot / length if length > 0 else math.nan


def divergence(p, q):
    """Jensen-Shannon divergence in bits, from its definition by Kullback-Leibler divergences to the mixture."""
    total = 0.0
    for a, b in zip(p, q, strict=True):
        middle = (a + b) / 2
        total += (a * math.log2(a / middle) if a > 0 else 0.0) / 2
        total += (b * math.log2(b / middle) if b > 0 else 0.0) / 2
    return total


def head_diversity(heads, layout, variant="cls"):
    """[head, query, key] of one image and layer."""
    pairs = list(itertools.combinations(range(len(heads)), 2))
    if not pairs or (variant != "full" and cls_index(layout) is None):
        return math.nan
    total = 0.0
    for g, h in pairs:
        if variant == "full":
            total += 1 - cosine(heads[g].ravel(), heads[h].ravel())
            continue
        a, b = cls_row(heads[g], layout), cls_row(heads[h], layout)
        if a is None or b is None:
            return math.nan
        total += 1 - cosine(a, b) if variant == "cls" else math.sqrt(divergence(a, b))
    return total / len(pairs)


def softmax(logits):
    top = max(logits)
    weights = [math.exp(x - top) for x in logits]
    return [w / sum(weights) for w in weights]


def prob_drop(intact, pruned, target):
    return softmax(intact)[target] - softmax(pruned)[target]


def logit_drop(intact, pruned, target):
    return intact[target] - pruned[target]


def jsd(intact, pruned):
    return divergence(softmax(intact), softmax(pruned))


def flip(intact, pruned):
    return float(int(np.argmax(intact)) != int(np.argmax(pruned)))


def value_drop(intact, pruned):
    return sum(a - b for a, b in zip(intact, pruned, strict=True)) / len(intact)


def value_change(intact, pruned):
    return sum(abs(a - b) for a, b in zip(intact, pruned, strict=True)) / len(intact)


def head_similarity(matrices, layout, variant="cls"):
    """Cosine of each pair of heads of [head, query, key]."""
    if variant == "full":
        vectors = [matrix.reshape(-1) for matrix in matrices]
    else:
        cls, patches = cls_index(layout), patch_tokens(layout)
        if cls is None:
            return np.full((len(matrices), len(matrices)), math.nan)
        vectors = [[matrix[cls, patch] for patch in patches] for matrix in matrices]
    return np.array([[cosine(one, other) for other in vectors] for one in vectors])


def linear_cka(outputs):
    """HSIC of the centred Gram matrices over samples, the other way to write it: [sample, head, channel]."""
    n, n_heads, _ = outputs.shape
    grams = []
    for head in range(n_heads):
        gram = outputs[:, head] @ outputs[:, head].T
        centre = np.eye(n) - np.full((n, n), 1 / n)
        grams.append(centre @ gram @ centre)
    hsic = [[float((one * other).sum()) for other in grams] for one in grams]
    return np.array([[hsic[g][h] / math.sqrt(hsic[g][g] * hsic[h][h]) for h in range(n_heads)] for g in range(n_heads)])
