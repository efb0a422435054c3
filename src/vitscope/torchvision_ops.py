"""Makes `import torchvision` (and so timm) work where torchvision's compiled ops cannot be loaded.

With a CPU-only torch beside an ordinary torchvision wheel (or any mix of wheels) `_C.so` does not load, and `import
torchvision` then fails with "operator torchvision::nms does not exist": its Python part registers fake kernels for two
operators that only `_C.so` defines. Defining their schemas is enough; a Vision Transformer calls neither. With a
matching pair of wheels this does nothing. `import vitscope` sees to it that this runs before torchvision is imported; a
program that imports timm before vitscope needs a matching pair.
"""

import ctypes
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_libraries: list[torch.library.Library] = []  # the schemas live as long as these objects


def make_torchvision_importable() -> None:
    """Define the missing operator schemas, once a process, only when torchvision's compiled ops cannot be loaded."""
    if not _libraries and not _compiled_ops_load():
        _libraries.append(define_missing("torchvision", _SCHEMAS))


def define_missing(namespace: str, schemas: Sequence[str]) -> torch.library.Library:
    """Define those operators of a name space that are not there yet; another library may have made it first."""
    library = torch.library.Library(namespace, "FRAGMENT")  # noqa: TOR901 - torchvision's own name space, on purpose
    for schema in schemas:
        if not hasattr(getattr(torch.ops, namespace), schema.partition("(")[0]):
            library.define(schema)
    return library


def _compiled_ops_load() -> bool:
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True  # no torchvision: nothing to repair here, importing it says so itself
    libraries = [p for p in Path(spec.origin).parent.glob("_C*") if p.suffix in {".so", ".pyd", ".dylib"}]
    try:
        for library in libraries:
            ctypes.CDLL(str(library))
    except OSError:
        return False
    return bool(libraries)
