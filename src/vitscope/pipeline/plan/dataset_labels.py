"""Labels of a data set as the model's class numbers: by the names of its classes, or its own numbers where they fit.

The rule is that of folders (docs/decisions/0020): where numbers would be a guess, there are none, and a reason.
Knows nothing about: pictures, torch.
"""

from collections.abc import Mapping, Sequence

from vitscope.errors import BadInput
from vitscope.pipeline.plan.class_folders import FolderLabels, ordered, some
from vitscope.pipeline.plan.labels import ClassNames


def labels_from_dataset(
    labels: Sequence[int | str | None], names: Mapping[int, str], classes: ClassNames
) -> FolderLabels:
    """Labels of pictures from what their data set says of them.

    Parameters
    ----------
    labels: the data set's own numbers, or names of classes.
    names: of the data set's classes, by its own numbers.

    Raises
    ------
    BadInput: numbers that are no classes of the model, or what the user says of the classes does not fit.
    """
    names = {} if all(name == str(number) for number, name in names.items()) else names
    texts = [names.get(label) if isinstance(label, int) else label for label in labels]
    if all(label is None or label == -1 for label in labels):
        return FolderLabels((-1,) * len(labels), (None,) * len(labels), None)
    if not names and not any(isinstance(label, str) for label in labels):
        numbers = [
            -1 if label is None else classes.number(int(label), f"picture {i}") for i, label in enumerate(labels)
        ]
        return FolderLabels(tuple(numbers), tuple(classes.name(number) for number in numbers), None)
    known, note = _numbered(sorted({*names.values(), *(text for text in texts if text is not None)}), names, classes)
    return FolderLabels(tuple(-1 if text is None else known.get(text, -1) for text in texts), tuple(texts), note)


def _numbered(
    found: Sequence[str], names: Mapping[int, str], classes: ClassNames
) -> tuple[Mapping[str, int], str | None]:
    """Numbers by name, and a note."""
    own = {name: number for number, name in names.items()}
    if classes.order is not None:
        numbers = own if classes.order == "numbers" and own else ordered(found, classes, classes.order)
        return numbers, f"the data set's classes numbered as said: {classes.order}"
    known = {name: numbers[0] for name in found if len(numbers := classes.find(name)) == 1}
    if known:
        unknown = [name for name in found if name not in known]
        which = "model's" if classes.given is None else "given"
        return known, f"no labels in {some(unknown)}: not one of the {which} classes" if unknown else None
    if classes.given is not None:
        raise BadInput(
            f"cannot use these classes: none of the data set's {len(found)} ({some(found)}) is among them",
            "Name the classes as the data set does.",
        )
    if classes.n_classes is None:  # no predictions to compare with: numbers only tell the groups apart
        return own or {name: place for place, name in enumerate(found)}, None
    if classes.names is None and own and len(own) == classes.n_classes and set(own.values()) == set(range(len(own))):
        return own, f"labels are the data set's own numbers ({names[0]} = 0); the model does not name its classes"
    return {}, (
        f"no labels: the data set has {len(found)} classes ({some(found)}), and nothing says which of the model's "
        f"{classes.n_classes} they are; give classes=, names in the model's order or name to number"
    )
