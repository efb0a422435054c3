"""What a checkpoint is: architectures seen block by block, loading, preprocessing, parity."""

from vitscope.models.block import Evaluation
from vitscope.models.model import Model
from vitscope.models.sources.loading import load_chosen, load_model, wrap

__all__ = ["Evaluation", "Model", "load_chosen", "load_model", "wrap"]
