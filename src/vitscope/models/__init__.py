"""What a checkpoint is: architectures seen block by block, loading, preprocessing, parity."""

from vitscope.models.block import Evaluation
from vitscope.models.model import Model
from vitscope.models.sources.loading import load_chosen, load_model, wrap
from vitscope.models.tapped import AnyModel, TappedModel

__all__ = ["AnyModel", "Evaluation", "Model", "TappedModel", "load_chosen", "load_model", "wrap"]
