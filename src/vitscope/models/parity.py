"""The check made at load: one image through the library's own forward and through ours must give the same output.

Ours is `attend` + explicit A @ v + `finish` in every block, never the module's own forward. A second pass takes the
blocks apart as the sweep does: heads added through `output_weight`, tokens finished in two parts.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.errors import ParityError, UnsupportedModel
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


def limit_of(architecture: Architecture) -> float:
    """The largest relative difference that passes for rounding, by the type of the parameters."""
    return TOLERANCE.get(next(architecture.module.parameters()).dtype, HALF_TOLERANCE)


def relative_difference(ours: Tensor, reference: Tensor) -> float:
    """Return max|ours - reference| / max|reference|; infinite where either is not finite."""
    ours, reference = ours.double(), reference.double()
    difference = (ours - reference).abs().max() / reference.abs().max().clamp_min(1e-30)
    return float(difference) if torch.isfinite(difference) else float("inf")


def parity(
    architecture: Architecture,
    path: Callable[[Architecture, Tensor], Tensor] = explicit_output,
    reference: Tensor | None = None,
) -> float:
    """Relative difference between the output of one of our paths and the library's on the probe image."""
    pixels = placed_probe(architecture)
    with Evaluation(architecture.module):
        ours, reference = path(architecture, pixels), architecture.reference(pixels) if reference is None else reference
    if ours.shape != reference.shape:
        return float("inf")
    return relative_difference(ours, reference)


def placed_probe(architecture: Architecture) -> Float[Tensor, "1 color row col"]:
    """The probe image in the type and on the device of the parameters."""
    weight = next(architecture.module.parameters())
    return probe_image(architecture).to(weight.device, weight.dtype)


def prove_parity(architecture: Architecture, name: str) -> float:
    """Return the parity, or raise an error where our numbers would not be the model's.

    Raises
    ------
    ParityError: our path gives another output than the module.
    UnsupportedModel: the module's own forward fails on the probe image, or gives no tensor [image, output].
    """
    reference = _own_output(architecture, name)
    value = _parity_or_reason(architecture, name, explicit_output, reference)
    limit = limit_of(architecture)
    if not value <= limit:
        own = type(architecture.module)
        hint = f"{own.__name__} of {own.__module__} computes something else than the class it descends from."
        raise ParityError(
            f"cannot analyse {name}: our path through it ({architecture.adapter}) gives another output than the "
            f"library's own forward, relative difference {value:.2g}, allowed {limit:.0e}",
            "Its forward was changed (by a hook or an added layer), or its library is too new; please report it."
            if own.__module__.startswith("timm.")
            else hint,
        )
    apart = _parity_or_reason(architecture, name, apart_output, reference)
    if not apart <= limit:
        raise ParityError(
            f"cannot analyse {name}: its blocks taken apart by heads and tokens ({architecture.adapter}) give another "
            f"output than the library's own forward, relative difference {apart:.2g}, allowed {limit:.0e}",
            "A hook or an added layer changes what stands behind the output projection, or the MLP mixes tokens.",
        )
    return value


def _own_output(architecture: Architecture, name: str) -> Float[Tensor, "1 output"]:
    """What the module's own forward says of the probe image: it must be a finite tensor [image, output]."""
    try:
        with Evaluation(architecture.module):
            output = architecture.reference(placed_probe(architecture))
    except Exception as error:  # whatever a user's module raises
        raise UnsupportedModel(
            f"cannot analyse {name}: its own forward fails on an image of {list(architecture.input_size)}, "
            f"{type(error).__name__}: {' '.join(str(error).split())[:200]}",
            "Run module(pixels) once by hand; all its parameters must be of one type and on one device.",
        ) from error
    if not isinstance(output, Tensor) or output.ndim != 2:
        got = f"a tensor {list(output.shape)}" if isinstance(output, Tensor) else f"a {type(output).__name__}"
        raise UnsupportedModel(
            f"cannot analyse {name}: its forward gives {got}, expected a tensor [image, output]",
            "Give the module that ends with logits or pooled features.",
        )
    if not torch.isfinite(output).all():
        raise UnsupportedModel(
            f"cannot analyse {name}: its own output is not finite (NaN or infinity), though its weights are",
            "In half precision large values overflow: try float32.",
        )
    return output


def _parity_or_reason(
    architecture: Architecture, name: str, path: Callable[[Architecture, Tensor], Tensor], reference: Tensor
) -> float:
    try:
        return parity(architecture, path, reference)
    except (
        RuntimeError,
        AttributeError,
        TypeError,
        ValueError,
    ) as error:  # of parts that are not what their class says
        raise ParityError(
            f"cannot analyse {name}: our path through it ({architecture.adapter}) fails where its own forward runs, "
            f"{type(error).__name__}: {' '.join(str(error).split())[:200]}",
            "One of its layers was replaced by another kind; please report it with the model's name.",
        ) from error
