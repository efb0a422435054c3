"""The check made at load: one image through the library's own forward and through ours must give the same output.

Ours is `attend` + explicit A @ v + `finish` in every block, never the module's own forward.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.errors import ParityError
from vitscope.models.block import Architecture, Evaluation, attention_weights, finish

TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-4}
HALF_TOLERANCE = 5e-2  # bfloat16 keeps 8 bits of a number: errors of 1 % grow over a dozen blocks


def probe_image(architecture: Architecture) -> Float[Tensor, "1 color row col"]:
    """A fixed picture with edges, gradients and noise at every scale, about as bright as a normalised photo."""
    channels, height, width = architecture.input_size
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(1, channels, 7, 7, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    return smooth + 0.3 * torch.randn(1, channels, height, width, generator=generator)


def explicit_output(
    architecture: Architecture, pixels: Float[Tensor, "image color row col"]
) -> Float[Tensor, "image output"]:
    """Logits (features without a classifier) through attend, A @ v and finish in every block."""
    x = architecture.embed(pixels)
    for block in architecture.blocks:
        projections = block.attend(x)
        x = finish(block, x, attention_weights(projections) @ projections.v)
    features = architecture.pool(x[:, architecture.reads])
    return features if architecture.n_classes is None else architecture.logits(features)


def relative_difference(ours: Tensor, reference: Tensor) -> float:
    """Return max|ours - reference| / max|reference|; infinite where either is not finite."""
    ours, reference = ours.double(), reference.double()
    difference = (ours - reference).abs().max() / reference.abs().max().clamp_min(1e-30)
    return float(difference) if torch.isfinite(difference) else float("inf")


def parity(architecture: Architecture) -> float:
    """Relative difference between our output and the library's on the probe image."""
    weight = next(architecture.module.parameters())
    pixels = probe_image(architecture).to(weight.device, weight.dtype)
    with Evaluation(architecture.module):
        ours, reference = explicit_output(architecture, pixels), architecture.reference(pixels)
    if ours.shape != reference.shape:
        return float("inf")
    return relative_difference(ours, reference)


def prove_parity(architecture: Architecture, name: str) -> float:
    """Return the parity, or raise ParityError where our numbers would not be the model's."""
    value = parity(architecture)
    limit = TOLERANCE.get(next(architecture.module.parameters()).dtype, HALF_TOLERANCE)
    if not value <= limit:
        raise ParityError(
            f"cannot analyse {name}: our path through it ({architecture.adapter}) gives another output than the "
            f"library's own forward, relative difference {value:.2g}, allowed {limit:.0e}",
            "Its forward was changed, its weights are not finite, or its library is too new; please report it.",
        )
    return value
