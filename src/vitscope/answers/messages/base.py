"""What every message is: one camelCase base model; the body of every failure.

The web app's types are generated from the messages (`make types`); nobody renames by hand.

Knows nothing about: the run folder, HTTP, torch.
"""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Wire(BaseModel):
    """Base of every message: snake_case in Python, camelCase on the wire, immutable, no unknown fields."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        frozen=True,
        extra="forbid",
    )


class ErrorBody(Wire):
    """The one body of every response that is not a success."""

    code: str = Field(description="Stable name of the kind of error, e.g. `not_available`.")
    message: str = Field(description="One sentence: what was asked for and why it cannot be had.")
    hint: str = Field(description="What to do next; may be empty.")


class Size(Wire):
    """Height and width, in pixels."""

    height: int
    width: int
