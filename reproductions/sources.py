"""The two runs that the pages are about, made once and gone on with where they stopped.

ViT-Tiny on 800 photos (mode head on all, the six partial modes on 100), and the bundled demo model on its 300 images of
Fashion-MNIST. The photos and weights are where `--data` says; see CONTRIBUTING.md.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import vitscope
from vitscope.commands.serving import DEMO_PARTIAL_IMAGES, DEMO_PATTERNS
from vitscope.commands.terminal import progress_bars
from vitscope.models.sources.bundled import DEMO
from vitscope.store.manifest import FILE

NAME: Final = "timm:vit_tiny_patch16_224"
WEIGHTS: Final = "weights/vit_tiny_patch16_224.augreg_in21k_ft_in1k/model.safetensors"
SALIENCY: Final = "timm:vit_small_patch14_dinov2"
SALIENCY_WEIGHTS: Final = "weights/vit_small_patch14_dinov2.saliency/model.safetensors"
BOXES: Final = "imagenet_val_300_boxes.json"
PARTIAL_IMAGES: Final = 100
IMAGES: Final = DEMO / "images" / "labels.csv"
"""The bundled images."""


@dataclass(frozen=True)
class Sources:
    """Where data lie, where runs are kept, and how many images to take (None = all; less is for trying out)."""

    data: Path
    work: Path
    limit: int | None = None

    @property
    def has_data(self) -> bool:
        """Whether the photos and the weights are there."""
        return (self.data / WEIGHTS).is_file()

    @cached_property
    def vit_tiny(self) -> vitscope.Model:
        """ViT-Tiny with its ImageNet weights."""
        return vitscope.load_model(NAME, str(self.data / WEIGHTS))

    @cached_property
    def dinov2(self) -> vitscope.Model:
        """DINOv2 ViT-S/14 as fine-tuned for saliency, at 224 px; it has no classifier."""
        return vitscope.load_model(SALIENCY, str(self.data / SALIENCY_WEIGHTS)).at_size(224, 224)

    @cached_property
    def demo(self) -> vitscope.Model:
        """The bundled model."""
        return vitscope.load_model("demo")

    @cached_property
    def photos(self) -> vitscope.Run:
        """ViT-Tiny on the photos."""
        options = {"modes": "all", "partial_images": PARTIAL_IMAGES, "weights_file": self.data / WEIGHTS}
        return self._run("vit_tiny", self.vit_tiny, self.data / "images" / "labels.csv", **options)

    @cached_property
    def fashion(self) -> vitscope.Run:
        """The demo model on its images."""
        options = {"modes": "all", "partial_images": DEMO_PARTIAL_IMAGES, "patterns": DEMO_PATTERNS}
        return self._run("fashion", self.demo, IMAGES, **options)

    def _run(self, name: str, model: vitscope.Model, images: Path, **options: object) -> vitscope.Run:
        out = self.work / (name if self.limit is None else f"{name}-{self.limit}")
        if (out / FILE).is_file() and vitscope.open_run(out).progress().state == "complete":
            return vitscope.open_run(out)
        with progress_bars() as show:
            resume = (out / FILE).is_file()
            return vitscope.analyze(model, images, out, resume=resume, progress=show, limit=self.limit, **options)
