"""Names of quantities as types of the wire: text that is one of the table's.

Knows nothing about: routes, runs.
"""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from vitscope.quantities import names, ranking_metrics


def _one_of(known: tuple[str, ...]) -> Any:  # noqa: ANN401 - a type that pydantic and FastAPI read
    """Text that is one of some names: they come from the table of quantities, and a `Literal` cannot be computed."""

    def check(value: str) -> str:
        if value not in known:
            raise ValueError(f"expected one of {', '.join(known)}")
        return value

    return Annotated[str, AfterValidator(check), WithJsonSchema({"type": "string", "enum": list(known)})]


if TYPE_CHECKING:
    MetricName = SpreadName = StrengthName = DepthName = PatternColumn = RankingName = str
else:
    MetricName, SpreadName, StrengthName = (_one_of(names(kind)) for kind in ("metric", "spread", "strength"))
    DepthName, PatternColumn = _one_of(names("depth")), _one_of(names("pattern"))
    RankingName = _one_of(ranking_metrics())
