"""What we do to a model: run it, look at its attention, prune heads, sweep over all of them."""

from vitscope.engine.deviation import Comparison, MeanAttention, compare_with_mean, mean_common_attention
from vitscope.engine.explaining import MAPS, explain
from vitscope.engine.forward import attention, features_and_logits
from vitscope.engine.gradients import attention_gradients
from vitscope.engine.importance import head_importance, targets
from vitscope.engine.prune import check_fill, prune
from vitscope.engine.reduce import Reduction, reduce_attention
from vitscope.engine.references import MeanReferences, PairedReferences, References, derangement, mean_references
from vitscope.engine.schedule import fixed_arithmetic, plan_micro_batch
from vitscope.engine.sweep import sweep
from vitscope.engine.together import interactions, set_effects, shapley

__all__ = [
    "MAPS",
    "Comparison",
    "MeanAttention",
    "MeanReferences",
    "PairedReferences",
    "Reduction",
    "References",
    "attention",
    "attention_gradients",
    "check_fill",
    "compare_with_mean",
    "derangement",
    "explain",
    "features_and_logits",
    "fixed_arithmetic",
    "head_importance",
    "interactions",
    "mean_common_attention",
    "mean_references",
    "plan_micro_batch",
    "prune",
    "reduce_attention",
    "set_effects",
    "shapley",
    "sweep",
    "targets",
]
