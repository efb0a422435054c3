"""What we do to a model: run it, look at its attention, prune heads, sweep over all of them."""

from vitscope.engine.deviation import Comparison, MeanAttention, compare_with_mean, mean_common_attention
from vitscope.engine.explaining import MAPS, LeGrad, explain
from vitscope.engine.forward import Intact, attention, features_and_logits, intact, output_channels
from vitscope.engine.gradients import attention_gradients
from vitscope.engine.head_sets.curve import (
    SetAnswers,
    answers_of_sets,
    check_order,
    check_sizes,
    greedy_order,
    greedy_steps,
    places_of_sets,
    pruning_curve,
    random_orders,
)
from vitscope.engine.head_sets.together import interactions, set_effects, shapley
from vitscope.engine.head_sets.what_if import Answer, compare, effects, require_heads, what_if
from vitscope.engine.importance.depth import DepthSums
from vitscope.engine.importance.head_importance import head_importance, targets
from vitscope.engine.importance.schedule import fixed_arithmetic, keep_freed_memory, plan_micro_batch
from vitscope.engine.importance.sweep import sweep
from vitscope.engine.pruning.mask_check import check_mask
from vitscope.engine.pruning.prune import check_fill, prune
from vitscope.engine.pruning.references import (
    MeanReferences,
    PairedReferences,
    References,
    derangement,
    mean_references,
)
from vitscope.engine.reduce import Reduction, reduce_attention

__all__ = [
    "MAPS",
    "Answer",
    "Comparison",
    "DepthSums",
    "Intact",
    "LeGrad",
    "MeanAttention",
    "MeanReferences",
    "PairedReferences",
    "Reduction",
    "References",
    "SetAnswers",
    "answers_of_sets",
    "attention",
    "attention_gradients",
    "check_fill",
    "check_order",
    "check_sizes",
    "compare",
    "compare_with_mean",
    "derangement",
    "effects",
    "explain",
    "features_and_logits",
    "fixed_arithmetic",
    "greedy_order",
    "greedy_steps",
    "head_importance",
    "intact",
    "interactions",
    "keep_freed_memory",
    "check_mask",
    "mean_common_attention",
    "mean_references",
    "places_of_sets",
    "output_channels",
    "plan_micro_batch",
    "prune",
    "pruning_curve",
    "random_orders",
    "reduce_attention",
    "require_heads",
    "set_effects",
    "shapley",
    "sweep",
    "targets",
    "what_if",
]
