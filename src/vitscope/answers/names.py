"""Names of quantities as types of the wire: text that is one of the table's.

Knows nothing about: routes, runs.
"""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from vitscope.quantities import names, ranking_metrics


def _one_of(known: tuple[str, ...], what: str) -> Any:  # noqa: ANN401 - a type that pydantic and FastAPI read
    """Text that is one of some names: they come from the table of quantities, and a `Literal` cannot be computed.

    The schema does not list them: it would change, and the page's types with it, for each row of the table.
    """

    def check(value: str) -> str:
        if value not in known:
            raise ValueError(f"expected one of {', '.join(known)}")
        return value

    return Annotated[
        str,
        AfterValidator(check),
        WithJsonSchema({"type": "string", "description": f"{what}, by its name in the table of quantities."}),
    ]


if TYPE_CHECKING:
    MetricName = SpreadName = StrengthName = DepthName = PatternColumn = RankingName = str
else:
    MetricName, SpreadName, StrengthName = (
        _one_of(names(kind), what)
        for kind, what in (
            ("metric", "A metric"),
            ("spread", "A measure of spread"),
            ("strength", "A kind of strength"),
        )
    )
    DepthName, PatternColumn = _one_of(names("depth"), "A metric over depth"), _one_of(names("pattern"), "A column")
    RankingName = _one_of(ranking_metrics(), "A metric by which heads are ranked")
