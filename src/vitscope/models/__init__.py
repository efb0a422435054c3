"""What a checkpoint is: architectures seen block by block, loading, preprocessing, parity."""

from vitscope.models.adapters.library.architecture import Description, LibraryArchitecture
from vitscope.models.adapters.registry import register_adapter
from vitscope.models.block import Evaluation
from vitscope.models.model import Model
from vitscope.models.sources.loading import load_chosen, load_model, wrap

__all__ = [
    "Description",
    "Evaluation",
    "LibraryArchitecture",
    "Model",
    "load_chosen",
    "load_model",
    "register_adapter",
    "wrap",
]
