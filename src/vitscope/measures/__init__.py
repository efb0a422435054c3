"""Measures: pure functions from tensors to tensors; `*batch` stands for any leading axes.

Those whose arguments are annotated with `Array` take numpy arrays as well and give arrays back; the others need torch.
Every name is imported when it is first used, so that who reads runs can use the former without torch.
Definitions, units and ranges are in docs/definitions.md. Knows nothing about: models, files, runs.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vitscope.measures.cls_row import coverage, focus, map_entropy, share_above_uniform, spread_level
    from vitscope.measures.effects.effect import (
        cls_cos,
        cosine_distance,
        flip,
        jsd,
        logit_drop,
        patch_cos,
        prob_drop,
        value_change,
        value_drop,
    )
    from vitscope.measures.grid import image_diagonal
    from vitscope.measures.keys import border, corners, few_keys, key_shares, sink_keys
    from vitscope.measures.maps.faithfulness import (
        centre_map,
        curve_area,
        mass_inside,
        patch_order,
        pointing_hit,
        removed,
        step_sizes,
    )
    from vitscope.measures.maps.gradient_maps import gradient_rollout, legrad, relevance
    from vitscope.measures.maps.rollout import cls_map, fuse, rollout
    from vitscope.measures.matrices import check_attention
    from vitscope.measures.similarity import head_diversity, head_similarity, linear_cka
    from vitscope.measures.spread import cls_entropy, entropy, mean_distance, nmi, sink
    from vitscope.measures.steps import Step, neighbour, step
    from vitscope.measures.strength import mass_to_cls, mass_to_others, region_sums, ring_density, ring_mass
    from vitscope.measures.summary import Summary, summarise

_HOMES = {
    "Step": "steps",
    "Summary": "summary",
    "border": "keys",
    "centre_map": "maps.faithfulness",
    "check_attention": "matrices",
    "cls_cos": "effects.effect",
    "cls_entropy": "spread",
    "cls_map": "maps.rollout",
    "corners": "keys",
    "cosine_distance": "effects.effect",
    "coverage": "cls_row",
    "curve_area": "maps.faithfulness",
    "entropy": "spread",
    "few_keys": "keys",
    "flip": "effects.effect",
    "value_change": "effects.effect",
    "value_drop": "effects.effect",
    "focus": "cls_row",
    "fuse": "maps.rollout",
    "gradient_rollout": "maps.gradient_maps",
    "head_diversity": "similarity",
    "head_similarity": "similarity",
    "image_diagonal": "grid",
    "jsd": "effects.effect",
    "key_shares": "keys",
    "legrad": "maps.gradient_maps",
    "linear_cka": "similarity",
    "logit_drop": "effects.effect",
    "map_entropy": "cls_row",
    "mass_inside": "maps.faithfulness",
    "mass_to_cls": "strength",
    "mass_to_others": "strength",
    "mean_distance": "spread",
    "neighbour": "steps",
    "nmi": "spread",
    "patch_cos": "effects.effect",
    "patch_order": "maps.faithfulness",
    "pointing_hit": "maps.faithfulness",
    "prob_drop": "effects.effect",
    "region_sums": "strength",
    "relevance": "maps.gradient_maps",
    "removed": "maps.faithfulness",
    "ring_density": "strength",
    "ring_mass": "strength",
    "rollout": "maps.rollout",
    "share_above_uniform": "cls_row",
    "sink": "spread",
    "sink_keys": "keys",
    "spread_level": "cls_row",
    "step": "steps",
    "step_sizes": "maps.faithfulness",
    "summarise": "summary",
}

__all__ = [
    "Step",
    "Summary",
    "border",
    "centre_map",
    "check_attention",
    "cls_cos",
    "cls_entropy",
    "cls_map",
    "corners",
    "cosine_distance",
    "coverage",
    "curve_area",
    "entropy",
    "few_keys",
    "flip",
    "focus",
    "fuse",
    "gradient_rollout",
    "head_diversity",
    "head_similarity",
    "image_diagonal",
    "jsd",
    "key_shares",
    "legrad",
    "linear_cka",
    "logit_drop",
    "map_entropy",
    "mass_inside",
    "mass_to_cls",
    "mass_to_others",
    "mean_distance",
    "neighbour",
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
    "sink_keys",
    "spread_level",
    "step",
    "step_sizes",
    "summarise",
    "value_change",
    "value_drop",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'vitscope.measures' has no attribute {name!r}")
    return getattr(import_module(f"vitscope.measures.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
