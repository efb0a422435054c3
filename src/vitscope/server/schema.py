"""Write what the web app is generated from: the API's schema, and the table of quantities as TypeScript.

`python -m vitscope.server.schema web/openapi.json web/src/io/quantities.gen.ts`, then `npm run types` in web/;
`make types` does all of it. Knows nothing about: runs; it describes the routes and the table alone.
"""

import json
import sys
from collections.abc import Mapping
from math import isfinite
from pathlib import Path

from vitscope.quantities import ROWS, Quantity, of_kind
from vitscope.quantities.bounds import BOUNDS
from vitscope.server.app import api

_HEAD = """/** The table of quantities, src/vitscope/quantities: made by `make types`. Do not edit. */
export interface Quantity {
  readonly name: string;
  readonly kind: 'metric' | 'spread' | 'strength' | 'depth' | 'diversity' | 'pattern';
  readonly axes: readonly string[];
  /** In words. */
  readonly unit: string;
  /** What is printed behind a value; empty = nothing. */
  readonly mark: string;
  readonly label: string;
  /** Where there is little room. */
  readonly short: string;
  readonly meaning: string;
  /** Bounds of its range; null = none, or it depends on the layout. */
  readonly low: number | null;
  readonly high: number | null;
  readonly signed: boolean;
  readonly family: 'output' | 'layer' | null;
  readonly needs: readonly ('cls' | 'directions')[];
  /** The first run format that keeps it. */
  readonly since: number;
  readonly readouts: readonly string[];
  /** The readouts in which heads are ranked by it. */
  readonly ranks: readonly string[];
}
"""


def schema_text() -> str:
    """The OpenAPI document as committed: sorted, indented, without the version that changes at each release."""
    document = api().openapi()
    document["info"]["version"] = "0"
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def quantities_text() -> str:
    """The table as a TypeScript module."""
    unions = {
        "LayerMetric": of_kind("metric", family="layer"),
        "StrengthName": of_kind("strength"),
        "PatternColumn": of_kind("pattern"),
    }
    types = [f"export type {name} = {' | '.join(repr(row.name) for row in of)};\n" for name, of in unions.items()]
    rows = "".join(f"  {json.dumps(_plain(row), ensure_ascii=False)},\n" for row in ROWS)
    bounds = "".join(f"export const {name} = {value:g};\n" for name, value in BOUNDS.items())
    return f"{_HEAD}{''.join(types)}\n{bounds}\nexport const QUANTITIES: readonly Quantity[] = [\n{rows}];\n"


def _plain(row: Quantity) -> Mapping[str, object]:
    """A row for JSON; bounds that are not finite are null."""
    bounds = {name: value if isfinite(value) else None for name, value in (("low", row.low), ("high", row.high))}
    return vars(row) | bounds | {"axes": row.axes}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema_text(), encoding="utf-8")
    for path in sys.argv[2:]:
        Path(path).write_text(quantities_text(), encoding="utf-8")
