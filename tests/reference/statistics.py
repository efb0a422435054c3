"""What a set of images says, written slowly from the definitions in docs/statistics.md: plain Python, float64.

`cases()` are the inputs that pytest and vitest share (tests/shared/statistics.json); `python -m
tests.reference.statistics` writes the file anew.
"""

import json
import math
import random
from itertools import combinations
from pathlib import Path

import scipy.stats

FILE = Path(__file__).parents[1] / "shared" / "statistics.json"
DRAWS, BEYOND = 999, 25
WORD = 2**32


def mixed(x):
    x = (x ^ (x >> 16)) * 0x7FEB352D % WORD
    x = (x ^ (x >> 15)) * 0x846CA68B % WORD
    return x ^ (x >> 16)


def drawn(n, draw, seed=0):
    key = mixed((draw * 0x9E3779B9 + seed) % WORD)
    return [mixed(key ^ mixed(place + 1)) * n // WORD for place in range(n)]


def known(values):
    return [value for value in values if value is not None]


def mean(values):
    return math.fsum(values) / len(values)


def variance(values):
    middle = mean(values)
    return math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1)


def measured(rows):
    return [row for row in rows if known(row)]


def draws_of(rows):
    """Of each draw, the values of each head."""
    rows = measured(rows)
    for draw in range(DRAWS):
        picked = [rows[i] for i in drawn(len(rows), draw)] if rows else []
        yield [known(row[head] for row in picked) for head in range(len(rows[0]) if rows else 0)]


def wilson(hits, n):
    z, share = scipy.stats.norm.ppf(0.975), hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return [max(0.0, middle - half), min(1.0, middle + half)]


def interval(rows, head, low, high, share):
    values = known(row[head] for row in rows)
    n = len(values)
    if n < 2:
        return [None, None]
    if share:
        return wilson(round(sum(values)), n)
    if len(set(values)) == 1:
        return [mean(values)] * 2
    middle, error = mean(values), math.sqrt(variance(values) / n)
    times = []
    for draw in draws_of(rows):
        own = draw[head]
        shift = mean(own) - middle if own else 0.0
        if len(own) > 1 and variance(own) > 1e-4 * variance(values):
            times.append(shift / math.sqrt(variance(own) / len(own)))
        else:
            times.append(0.0 if abs(shift) <= 1e-9 * math.sqrt(variance(values)) else math.copysign(math.inf, shift))
    times.sort()
    ends = [middle - times[-BEYOND] * error, middle - times[BEYOND - 1] * error]
    farthest = scipy.stats.t.ppf(0.975, n - 1) * error
    student = [middle - farthest, middle + farthest]
    ends[0] = student[0] if math.isinf(ends[0]) else min(ends[0], student[0])
    ends[1] = student[1] if math.isinf(ends[1]) else max(ends[1], student[1])
    return [ends[0] if low is None else max(ends[0], low), ends[1] if high is None else min(ends[1], high)]


def ranks(means):
    return [None if own is None else 1 + sum(other > own for other in known(means)) for own in means]


def rank_intervals(rows):
    heads = len(rows[0])
    every = [ranks([mean(own) if own else None for own in draw]) for draw in draws_of(rows)]
    found = []
    for head in range(heads):
        own = [each[head] for each in every]
        if len(known(row[head] for row in rows)) < 2 or None in own:
            found.append([None, None])
        else:
            own.sort()
            found.append([own[BEYOND - 1], own[-BEYOND]])
    return found


def clearly_first(rows):
    means = [mean(own) if (own := known(row[head] for row in rows)) else None for head in range(len(rows[0]))]
    best = means.index(max(known(means)))
    if len(known(row[best] for row in rows)) < 2:
        return False
    beaten = 0
    for draw in draws_of(rows):
        drawn_means = [mean(own) if own else None for own in draw]
        own, others = drawn_means[best], known(drawn_means[:best] + drawn_means[best + 1 :])
        beaten += own is not None and all(own > other for other in others)
    return DRAWS - beaten < BEYOND


def consistency(rows, head):
    values = sorted(known(row[head] for row in rows))
    if len(values) < 2:
        return None
    low, middle, high = (quantile(values, share) for share in (0.25, 0.5, 0.75))
    size = high - low + abs(middle)
    return 1 - (high - low) / size if size > 0 else None


def quantile(values, share):
    place = share * (len(values) - 1)
    below = math.floor(place)
    return values[below] + (values[min(below + 1, len(values) - 1)] - values[below]) * (place - below)


def median_interval(rows, head):
    """The k-th smallest and the k-th largest value, k the largest for which both lie beyond the median at most 5 %."""
    values = sorted(known(row[head] for row in rows))
    n = len(values)
    fitting = [k for k in range(1, n // 2 + 1) if 2 * sum(math.comb(n, i) for i in range(k)) <= 0.05 * 2**n]
    return [values[fitting[-1] - 1], values[n - fitting[-1]]] if fitting else [None, None]


def spearman(a, b):
    return float(scipy.stats.spearmanr(a, b).statistic)


def agreement(rows):
    """W from the mean of all pairs' Spearman: without ties they are the same; here no ties."""
    heads = [head for head in range(len(rows[0])) if known(row[head] for row in rows)]
    rows = [[row[head] for head in heads] for row in rows]
    rows = [row for row in rows if None not in row]
    m = len(rows)
    if m < 2 or len(heads) < 2 or any(len(set(row)) < len(row) for row in rows):
        return None
    pairs = [spearman(a, b) for a, b in combinations(rows, 2)]
    rho = math.fsum(pairs) / len(pairs)
    return {"n": m, "w": ((m - 1) * rho + 1) / m, "chance": 1 / m, "spearman": rho}


def quadrant(output, layers):
    """Counted head by head; chance by going through all ways to draw the high heads, grouped by how many are low."""
    total = len(known(output))
    by_output = ranks(output)
    low = [head for head, rank in enumerate(by_output) if rank is not None and rank > total / 2]
    high = set()
    for layer in layers:
        order = sorted((head for head, value in enumerate(layer) if value is not None), key=lambda head: -layer[head])
        high |= {head for head in order[: math.ceil(len(order) / 4)] if by_output[head] is not None}
    found = len(high & set(low))
    chances = scipy.stats.hypergeom(total, len(low), len(high))
    return {
        "found": found,
        "expected": float(sum(k * chances.pmf(k) for k in range(total + 1))),
        "p": float(chances.sf(found - 1)),
    }


def single(value):
    """The nearest float32: the page holds values so."""
    import numpy as np

    return float(np.float32(value))


def cases():
    generator = random.Random(17)
    heavy = lambda: math.exp(generator.gauss(-4, 1.3))  # noqa: E731
    signed = lambda: generator.gauss(0.02, 0.1) * generator.choice([1, 1, 4])  # noqa: E731
    tied = lambda: generator.choice([0.0, 0.0, 0.0, 0.25])  # noqa: E731
    coin = lambda: float(generator.random() < 0.2)  # noqa: E731
    wanted = [
        ("heavy tails", heavy, (0.0, 1.0, False), (2, 3, 5, 11, 41)),
        ("signed", signed, (None, None, False), (2, 4, 7, 23)),
        ("ties", tied, (0.0, 2.0, False), (3, 10)),
        ("shares", coin, (0.0, 1.0, True), (1, 9, 30)),
        ("one image", heavy, (0.0, 1.0, False), (1,)),
    ]
    for name, draw, (low, high, share), sizes in wanted:
        for n in sizes:
            rows = [[single(draw()) for _ in range(3)] for _ in range(n)]
            yield {"name": f"{name}, n = {n}", "low": low, "high": high, "share": share, "values": rows}
    rows = [[single(heavy()) * (4 if head == 1 else 1) for head in range(5)] for _ in range(13)]
    for row, head in ((2, 0), (2, 1), (2, 2), (2, 3), (2, 4), (7, 0), (9, 2)):
        rows[row][head] = None
    for row in rows:
        row[3] = None
    yield {
        "name": "missing values, an image and a head without any",
        "low": 0.0,
        "high": 1.0,
        "share": False,
        "values": rows,
    }
    clear = [[single(heavy()), single(0.4 + heavy()), single(heavy())] for _ in range(8)]
    yield {"name": "a clear first", "low": 0.0, "high": 1.0, "share": False, "values": clear}
    same = [[value, value] for value in (single(heavy()) for _ in range(9))]
    yield {"name": "two heads alike", "low": 0.0, "high": 1.0, "share": False, "values": same}
    yield {"name": "all 0", "low": 0.0, "high": 1.0, "share": False, "values": [[0.0, 0.0, 0.0]] * 6}


def answered(case):
    rows = case["values"]
    heads = range(len(rows[0]))
    limits = case["low"], case["high"], case["share"]
    return case | {
        "interval": [interval(rows, head, *limits) for head in heads],
        "rank": rank_intervals(rows),
        "clear": clearly_first(rows),
        "consistency": [consistency(rows, head) for head in heads],
        "median": [median_interval(rows, head) for head in heads],
        "agreement": agreement(rows),
    }


def quadrants():
    generator = random.Random(5)
    shuffled = [list(range(36)) for _ in range(3)]
    for row in shuffled:
        generator.shuffle(row)
    planted = [float(i if i >= 9 else -i - 1) for i in range(36)]
    gaps = [None if i == 4 else float(i * 7 % 11) for i in range(11)]
    yield {"name": "unrelated, two layers", "output": [float(v) for v in shuffled[0]], "layers": shuffled[1:]}
    yield {"name": "planted", "output": [-value for value in planted][::-1], "layers": [[float(i) for i in range(36)]]}
    yield {"name": "turned round", "output": [float(i) for i in range(36)], "layers": [[float(-i) for i in range(36)]]}
    yield {"name": "gaps and ties", "output": gaps, "layers": [[float(i % 4) for i in range(11)]]}
    yield {"name": "all alike", "output": [0.0] * 8, "layers": [[float(i) for i in range(8)]]}


def contents():
    return {
        "draws": [
            {"n": n, "draw": draw, "seed": seed, "rows": drawn(n, draw, seed)}
            for n, draw, seed in ((7, 0, 0), (13, 998, 0), (5, 3, 4294967295))
        ],
        "cases": [answered(case) for case in cases()],
        "quadrants": [case | quadrant(case["output"], case["layers"]) for case in quadrants()],
        "student": [[n, float(scipy.stats.t.ppf(0.975, n - 1))] for n in (2, 3, 4, 5, 10, 31, 100, 1001, 5000)],
        "spearman": [
            {"a": a, "b": b, "rho": spearman(a, b)}
            for a, b in (([3.0, 1.0, 2.0, 9.0], [1.0, 0.5, 7.0, 8.0]), ([1.0, 1.0, 2.0, 5.0], [4.0, 3.0, 3.0, 1.0]))
        ],
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(contents(), indent=1) + "\n", encoding="utf-8")
