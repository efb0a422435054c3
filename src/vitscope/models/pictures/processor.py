"""An image processor of the library transformers as a transform, pinned to one way of computing.

Knows nothing about: models, files.
"""

import copy
from typing import Any

from jaxtyping import Float
from PIL import Image
from torch import Tensor

from vitscope.errors import InvalidArgument


class ProcessorTransform:
    """Picture -> pixels by a processor; its settings are its repr, which a run keeps.

    `mean` and `std` are those of its normalisation, None where it has none.
    """

    def __init__(self, processor: Any) -> None:
        self.processor = processor
        normalises = getattr(processor, "do_normalize", False)
        self.mean = processor.image_mean if normalises else None
        self.std = processor.image_std if normalises else None

    def __call__(self, image: Image.Image) -> Float[Tensor, "color row col"]:
        """The pixels of one picture."""
        pixels = self.processor(images=image, return_tensors="pt")["pixel_values"]
        return pixels[0]

    def __repr__(self) -> str:
        settings = {key: value for key, value in self.processor.to_dict().items() if value is not None}
        for key in ("image_processor_type", "processor_class", "_processor_class"):
            settings.pop(key, None)
        return f"{type(self.processor).__name__}({', '.join(f'{key}={settings[key]}' for key in sorted(settings))})"


class NoTransform:
    """Stands for a transform where nothing says how pictures are prepared: a guess would make numbers meaningless."""

    def __init__(self, what: str, hint: str) -> None:
        self.what = what
        self.hint = hint

    def __repr__(self) -> str:
        return "none"

    def __call__(self, image: Image.Image) -> Tensor:
        """Never gives pixels; raises InvalidArgument."""
        raise InvalidArgument(f"cannot feed pictures to {self.what}: nothing says how it prepares them", self.hint)


def sized(transform: Any, height: int, width: int) -> Any:
    """The same preparation for another input size where its kind is known; else as it is.

    A resize before a crop grows with it. A transform of the user's stays: what it does is not known.
    """
    if isinstance(transform, ProcessorTransform):
        return ProcessorTransform(_sized_processor(transform.processor, height, width))
    if type(transform).__name__ == "ImageClassification":  # torchvision's preset
        other = copy.copy(transform)
        other.resize_size = [
            round(side * min(height, width) / min(transform.crop_size)) for side in transform.resize_size
        ]
        other.crop_size = [height, width]
        return other
    return transform


def _sized_processor(processor: Any, height: int, width: int) -> Any:
    other = copy.deepcopy(processor)
    crops = bool(getattr(processor, "do_center_crop", False))
    before = _sides(processor.crop_size if crops else processor.size)
    if "shortest_edge" in dict(processor.size):
        scale = min(height, width) / (before[0] or processor.size["shortest_edge"])
        other.size = {"shortest_edge": round(processor.size["shortest_edge"] * scale)}
    else:
        grown = _sides(processor.size)
        scale = 1.0 if not crops else grown[0] / before[0]
        other.size = {"height": round(height * scale), "width": round(width * scale)}
    if crops:
        other.crop_size = {"height": height, "width": width}
    return other


def _sides(size: Any) -> tuple[int, int]:
    size = dict(size)
    return size.get("height", 0), size.get("width", 0)
