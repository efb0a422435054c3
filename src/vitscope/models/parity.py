"""The check made at load: one image through the library's own forward and through ours must give the same output.

Ours is `attend` + explicit A @ v + `finish` in every block, never the module's own forward. A second pass takes the
blocks apart as the sweep does: heads added through `output_weight`, tokens finished in two parts.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.errors import ModelLoadError, ParityError, UnsupportedModel
from vitscope.models.block import Architecture, Block, Evaluation, attend_rows, attention_weights, finish, head_outputs

TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-4}
HALF_TOLERANCE = 5e-2  # bfloat16 keeps 8 bits of a number: errors of 1 % grow over a dozen blocks


def probe_image(architecture: Architecture) -> Float[Tensor, "1 color row col"]:
    """A fixed picture with edges, gradients and noise at every scale, about as bright as a normalised photo."""
    channels, height, width = architecture.input_size
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(1, channels, 7, 7, generator=generator, device="cpu")
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    return smooth + 0.3 * torch.randn(1, channels, height, width, generator=generator, device="cpu")


def explicit_output(
    architecture: Architecture, pixels: Float[Tensor, "image color row col"]
) -> Float[Tensor, "image output"]:
    """Logits (features without a classifier) through attend, A @ v and finish in every block."""
    x = architecture.embed(pixels)
    for block in architecture.blocks:
        projections = block.attend(x)
        x = finish(block, x, head_outputs(attention_weights(projections), projections.v))
    return _output(architecture, x)


def apart_output(
    architecture: Architecture, pixels: Float[Tensor, "image color row col"]
) -> Float[Tensor, "image output"]:
    """The same with every block taken apart as the sweep does: by heads where it is linear in z, and by tokens."""
    x = architecture.embed(pixels)
    for block in architecture.blocks:
        z = attend_rows(block.attend(x), slice(None))
        x = torch.cat([_rest(block, x[:, rows], z[:, :, rows]) for rows in (slice(0, 1), slice(1, None))], dim=1)
    return _output(architecture, x)


def _rest(
    block: Block, x: Float[Tensor, "image row width"], z: Float[Tensor, "image head row channel"]
) -> Float[Tensor, "image row width"]:
    """`finish`, the heads one by one where the block says that it is linear in z."""
    if not block.linear_in_z:
        return finish(block, x, z)
    heads = torch.einsum("ihrc,hcw->irw", z, block.output_weight())
    return block.mlp(x + block.branch(x, torch.zeros_like(z)) + heads)


def _output(architecture: Architecture, x: Float[Tensor, "image token width"]) -> Float[Tensor, "image output"]:
    features = architecture.pool(x[:, architecture.reads])
    return features if architecture.n_classes is None else architecture.logits(features)


def relative_difference(ours: Tensor, reference: Tensor) -> float:
    """Return max|ours - reference| / max|reference|; infinite where either is not finite."""
    ours, reference = ours.double(), reference.double()
    difference = (ours - reference).abs().max() / reference.abs().max().clamp_min(1e-30)
    return float(difference) if torch.isfinite(difference) else float("inf")


def parity(architecture: Architecture, path: Callable[[Architecture, Tensor], Tensor] = explicit_output) -> float:
    """Relative difference between the output of one of our paths and the library's on the probe image."""
    weight = next(architecture.module.parameters())
    pixels = probe_image(architecture).to(weight.device, weight.dtype)
    with Evaluation(architecture.module):
        ours, reference = path(architecture, pixels), architecture.reference(pixels)
    if ours.shape != reference.shape:
        return float("inf")
    return relative_difference(ours, reference)


def _refuse_broken_weights(architecture: Architecture, name: str) -> None:
    """Raise ModelLoadError where the reason is in the weights, and nobody's but theirs."""
    state = architecture.module.state_dict()
    broken = [key for key, value in state.items() if value.is_floating_point() and not bool(value.isfinite().all())]
    if broken:
        more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        raise ModelLoadError(
            f"cannot analyse {name}: its weights are not finite: {broken[0]}{more}",
            "Training may have diverged, or the file is damaged: take an earlier checkpoint.",
        )


def prove_parity(architecture: Architecture, name: str) -> float:
    """Return the parity, or raise ParityError where our numbers would not be the model's."""
    if not architecture.blocks:
        raise UnsupportedModel(f"cannot analyse {name}: it has no attention layers", "Give a model of at least one.")
    value = parity(architecture)
    limit = TOLERANCE.get(next(architecture.module.parameters()).dtype, HALF_TOLERANCE)
    if not value <= limit:
        _refuse_broken_weights(architecture, name)
        raise ParityError(
            f"cannot analyse {name}: our path through it ({architecture.adapter}) gives another output than the "
            f"library's own forward, relative difference {value:.2g}, allowed {limit:.0e}",
            "Its forward was changed, or its library is too new; please report it.",
        )
    apart = parity(architecture, apart_output)
    if not apart <= limit:
        raise ParityError(
            f"cannot analyse {name}: its blocks taken apart by heads and tokens ({architecture.adapter}) give another "
            f"output than the library's own forward, relative difference {apart:.2g}, allowed {limit:.0e}",
            "A hook or an added layer (LoRA) changes what the output projection does, or the MLP mixes tokens: merge "
            "added weights into the projection and remove hooks.",
        )
    return value
