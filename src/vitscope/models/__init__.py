"""What a checkpoint is: architectures seen block by block, loading, preprocessing, parity."""

from vitscope.models.block import Evaluation
from vitscope.models.loading import load_model, wrap
from vitscope.models.model import Model

__all__ = ["Evaluation", "Model", "load_model", "wrap"]
