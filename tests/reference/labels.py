"""Labels, each yes or no by itself, written slowly: sigmoids, Bernoulli divergences, float64, one number after another.

`logits` is a list of one image's logits. One logit has two answers, label 0 and label 1.
"""

import math


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def probability(logits, label: int) -> float:
    if len(logits) == 1:
        return sigmoid(logits[0]) if label == 1 else 1 - sigmoid(logits[0])
    return sigmoid(logits[label])


def prediction(logits) -> int:
    if len(logits) == 1:
        return int(sigmoid(logits[0]) > 0.5)
    return max(range(len(logits)), key=lambda i: (logits[i], -i))


def entropy(p: float) -> float:
    return -sum(q * math.log2(q) for q in (p, 1 - p) if q > 0)


def jsd(intact, pruned) -> float:
    """Mean over labels of H((p + q) / 2) - (H(p) + H(q)) / 2 of yes or no, in bits."""
    found = []
    for a, b in zip(intact, pruned, strict=True):
        p, q = sigmoid(a), sigmoid(b)
        found.append(entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2)
    return sum(found) / len(found)


def flip(intact, pruned) -> float:
    return float(any((sigmoid(a) > 0.5) != (sigmoid(b) > 0.5) for a, b in zip(intact, pruned, strict=True)))


def prob_drop(intact, pruned, label: int) -> float:
    return probability(intact, label) - probability(pruned, label)


def logit_drop(intact, pruned, label: int) -> float:
    if len(intact) == 1:
        return (intact[0] - pruned[0]) * (1 if label == 1 else -1)
    return intact[label] - pruned[label]
