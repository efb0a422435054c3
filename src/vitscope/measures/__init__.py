"""Measures: pure functions from tensors to tensors; `*batch` stands for any leading axes.

Definitions, units and ranges are in docs/definitions.md. Knows nothing about: models, files, runs.
"""

from vitscope.measures.cls_row import coverage, focus, map_entropy, share_above_uniform, spread_level
from vitscope.measures.effect import cls_cos, cosine_distance, flip, jsd, logit_drop, patch_cos, prob_drop
from vitscope.measures.faithfulness import (
    centre_map,
    curve_area,
    mass_inside,
    patch_order,
    pointing_hit,
    removed,
    step_sizes,
)
from vitscope.measures.geometry import image_diagonal
from vitscope.measures.gradient_maps import gradient_rollout, legrad, relevance
from vitscope.measures.maps import cls_map, fuse, rollout
from vitscope.measures.matrices import check_attention
from vitscope.measures.similarity import head_diversity, head_similarity, linear_cka
from vitscope.measures.spread import cls_entropy, entropy, mean_distance, nmi, sink
from vitscope.measures.strength import mass_to_cls, mass_to_others, region_sums, ring_density, ring_mass
from vitscope.measures.summary import Summary, summarise

__all__ = [
    "Summary",
    "centre_map",
    "check_attention",
    "cls_cos",
    "cls_entropy",
    "cls_map",
    "cosine_distance",
    "coverage",
    "curve_area",
    "entropy",
    "flip",
    "focus",
    "fuse",
    "gradient_rollout",
    "head_diversity",
    "head_similarity",
    "image_diagonal",
    "jsd",
    "legrad",
    "linear_cka",
    "logit_drop",
    "map_entropy",
    "mass_inside",
    "mass_to_cls",
    "mass_to_others",
    "mean_distance",
    "nmi",
    "patch_cos",
    "patch_order",
    "pointing_hit",
    "prob_drop",
    "region_sums",
    "relevance",
    "removed",
    "ring_density",
    "ring_mass",
    "rollout",
    "share_above_uniform",
    "sink",
    "spread_level",
    "step_sizes",
    "summarise",
]
