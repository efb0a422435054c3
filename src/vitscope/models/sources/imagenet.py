"""ImageNet's own numbers of its classes, as timm keeps them: by WordNet id, the folder names of the data set.

Knows nothing about: weights, images, files.
"""

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from torch import nn

from vitscope.torchvision_ops import make_torchvision_importable

make_torchvision_importable()
from timm.data import ImageNetInfo, infer_imagenet_subset  # noqa: E402 - timm needs the line above

_WNID = re.compile(r"(n\d{8})(?:$|[-_ ])")


def wnid(text: str) -> str | None:
    """The WordNet id that a folder name is or starts with (`n01440764`, `n01440764-tench`), else None."""
    match = _WNID.match(text)
    return match and match[1]


@cache
def wnid_classes(n_classes: int | None) -> Mapping[str, tuple[int, str]]:
    """(number, name) by WordNet id for ImageNet's sets of so many classes (1,000, 21,843, ...); empty for others."""
    subset = infer_imagenet_subset({"num_classes": n_classes})
    if subset is None:
        return MappingProxyType({})
    info = ImageNetInfo(subset)
    return MappingProxyType({key: (i, info.label_name_to_description(key)) for i, key in enumerate(info.label_names())})


def imagenet_classes(module: nn.Module) -> tuple[str, ...] | None:
    """ImageNet's class names where timm says that the module predicts them and it still has all those classes."""
    subset = infer_imagenet_subset(module)
    info = None if subset is None else ImageNetInfo(subset)
    if info is None or info.num_classes() != getattr(module, "num_classes", None):
        return None
    return tuple(info.index_to_description(i) for i in range(info.num_classes()))
