"""Messages about images.

Knows nothing about: the run folder, HTTP, torch.
"""

from pydantic import Field

from vitscope.answers.messages.base import Wire


class ImageTable(Wire):
    """The images as columns of equal length; position = row number = the image's key everywhere."""

    generation: int
    name: list[str] = Field(description="Path as given to the analysis.")
    label: list[int] = Field(description="-1: none given.")
    prediction: list[int] = Field(description="-1: no classifier, or not done.")
    probability: list[float | None] = Field(description="Of the predicted class.")
    correct: list[bool | None]
    target: list[int] = Field(description="The class whose probability and logit the metrics follow; -1: none.")
    done: list[bool]
    problem: list[str | None] = Field(description="Why an image was skipped.")
    note: list[str | None] = Field(description="An oddity that was handled.")
    class_names: dict[str, str] = Field(description="Name of every class that occurs in the columns, by its number.")


class ClassGuess(Wire):
    """A class with its probability."""

    number: int
    name: str
    probability: float


class DroppedImage(Wire):
    """An image that was dropped on the page, as the live model sees it; it is in no run and is soon forgotten."""

    image: int = Field(description="Its key until it is forgotten, from nImages up: preview, attention and the like.")
    name: str = Field(description="File name as given.")
    prediction: int = Field(description="-1: no classifier.")
    probability: float | None = Field(description="Of the predicted class.")
    top: list[ClassGuess] = Field(description="The most probable classes, at most 5; empty without a classifier.")
    note: str | None = Field(description="An oddity of the file that was handled.")
