"""What answers take as arguments: types that pydantic checks, and checks against the run that is asked.

Knows nothing about: answers.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from vitscope.errors import InvalidArgument, NotAvailable
from vitscope.store import Manifest
from vitscope.tokens import HEAD, canonical_mode

Layer = Annotated[int, Field(ge=0, description="Number of the layer, from 0.")]
Head = Annotated[int, Field(ge=0, description="Number of the head in its layer, from 0.")]
Image = Annotated[int, Field(ge=0, description="Row number of the image, or the key of a dropped one.")]
Token = Annotated[str, Field(description="`cls`, or the index of a token.", pattern=r"^(cls|\d{1,6})$")]
Mode = Annotated[
    str,
    Field(max_length=20, description="Which part of the matrix is pruned, e.g. head or cp+pc."),
    AfterValidator(lambda mode: mode.replace(" ", "+")),  # in an address + means a space
]
Direction = Literal["from", "to"]
"""`from`: what this token attends to (its row). `to`: which tokens attend to it (its column)."""
Fusion = Literal["mean", "max", "min"]
Residual = Annotated[float, Field(description="Share of the residual stream, 0 to 1.")]
Discard = Annotated[float, Field(description="Share of the smallest weights that is left out, 0 to 1.")]


def computed_mode(manifest: Manifest, mode: str) -> str:
    """The canonical name of a mode that the run has.

    Raises
    ------
    InvalidArgument, NotAvailable: it is no mode, or was not computed.
    """
    mode = canonical_mode(mode, manifest.tokens)
    if mode not in manifest.options.modes:
        raise NotAvailable(
            f"mode {mode} was not computed in this run (it has {', '.join(manifest.options.modes)})",
            f"Analyse with --modes {HEAD},{mode}.",
        )
    return mode


def known_layer(manifest: Manifest, layer: int) -> int:
    """A layer that the model has. Raises InvalidArgument."""
    if layer >= manifest.model.n_layers:
        raise InvalidArgument(f"there is no layer {layer}: this model has {manifest.model.n_layers}, counted from 0")
    return layer


def known_token(manifest: Manifest, query: str) -> int:
    """Index of the token that `cls` or a number names. Raises InvalidArgument."""
    tokens = manifest.tokens
    if query == "cls":
        if tokens.cls is None:
            raise InvalidArgument(
                "cannot query the CLS token: this model has none", f"Give a token index, 0 to {tokens.n_tokens - 1}."
            )
        return tokens.cls
    if int(query) >= tokens.n_tokens:
        raise InvalidArgument(f"there is no token {query}: this model has {tokens.n_tokens}, counted from 0")
    return int(query)
