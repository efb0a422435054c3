"""The tables of a run: their columns, and Parquet in and out through DuckDB (no pyarrow).

Knows nothing about: arrays, models. The image table has one row an image; the row number is the key of every array.
"""

import errno
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vitscope.errors import RunError
from vitscope.store.files.durable import require_regular, write_atomically

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

PLANNED: Final[Mapping[str, str]] = {
    "id": "VARCHAR",  # sha256 of the file's bytes; may repeat; empty when the file cannot be read
    "path": "VARCHAR",  # relative to the source's root
    "label": "INTEGER",  # -1 = none
    "class_name": "VARCHAR",
    "partial": "BOOLEAN",  # belongs to the sample that the partial modes run on
}
"""Columns known when a run is planned."""

COMPUTED: Final[Mapping[str, str]] = {
    "prediction": "INTEGER",  # -1 = none
    "probability": "DOUBLE",  # of the prediction
    "correct": "BOOLEAN",  # NULL without a label or a prediction
    "target": "INTEGER",  # the class that prob_drop and logit_drop follow; -1 = none
    "target_source": "VARCHAR",  # label | prediction
    "width": "INTEGER",
    "height": "INTEGER",
    "note": "VARCHAR",  # an oddity that was handled
    "problem": "VARCHAR",  # why the image was skipped
}
"""Columns filled by the head unit of an image's shard."""

POINTS: Final[Mapping[str, str]] = {
    "image": "INTEGER",
    "layer": "INTEGER",
    "head": "INTEGER",
    "cluster": "INTEGER",  # of the autoencoder space; -1 = none
    "x": "REAL",
    "y": "REAL",
    "pattern": "INTEGER",  # the matrix's own name by rule, a place in the names of clusters.json
    "cluster_features": "INTEGER",  # the same of the plain features' space
    "x_features": "REAL",
    "y_features": "REAL",
}
"""Columns of the patterns' points: one row a sampled matrix; the row number is the key of the sample's arrays."""

_MEMORY: Final = "4GiB"
"""Of DuckDB for one table; a page of a file may say that it is larger than all memory."""
_LONGEST_TEXTS: Final = 2**30
"""Bytes of all texts of a table; a text that is there once in a file may be in every row."""
_DTYPES: Final = {"INTEGER": "int64", "REAL": "float32", "DOUBLE": "float64", "VARCHAR": "string", "BOOLEAN": "boolean"}
_ABSENT: Final[Mapping[str, object]] = {
    "prediction": -1,
    "probability": float("nan"),
    "target": -1,
    "width": 0,
    "height": 0,
}


def write_table(path: Path, columns: "Mapping[str, Sequence[object] | np.ndarray]", schema: Mapping[str, str]) -> None:
    """Write columns of one length as Parquet, atomically, with the types of `schema`."""
    import duckdb
    import pandas as pd

    # Typed columns: DuckDB would otherwise guess the type of an object column from its first rows.
    frame = pd.DataFrame({name: pd.Series(list(columns[name]), dtype=_DTYPES[kind]) for name, kind in schema.items()})
    casts = ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in schema.items())

    def write(beside: Path) -> None:
        try:
            with duckdb.connect() as connection:
                connection.register("frame", frame)
                connection.execute(f"COPY (SELECT {casts} FROM frame) TO '{_quoted(beside)}' (FORMAT parquet)")
        except duckdb.IOException as error:  # as any other writer would say it
            full = "No space left" in str(error)
            raise OSError(errno.ENOSPC if full else errno.EIO, str(error).splitlines()[0]) from error

    write_atomically(path, write)


def read_tables(paths: Sequence[Path], schema: Mapping[str, str], rows: int) -> "pd.DataFrame":
    """Read Parquet files of one schema, one after the other.

    Parameters
    ----------
    rows: how many they can have together: a small file may say that it has many more.

    Raises
    ------
    RunError: a file is missing or damaged, or holds more than a run does.
    """
    import duckdb

    for path in paths:
        try:
            require_regular(path)
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise _unreadable(paths, f"{path.name}: {reason}") from error
    names = ", ".join(f'"{name}"' for name in schema)
    files = ", ".join(f"'{_literal(path)}'" for path in paths)
    texts = " + ".join([f"strlen(coalesce(\"{name}\", ''))" for name, kind in schema.items() if kind == "VARCHAR"])
    source = f"FROM read_parquet([{files}])"
    try:
        with duckdb.connect(config={"memory_limit": _MEMORY}) as connection:
            (found,) = connection.execute(f"SELECT count(*) {source}").fetchone() or (0,)  # of the files' footers
            if found > rows:
                raise _unreadable(paths, f"it has {found} rows, expected {rows}")
            (long,) = (texts and connection.execute(f"SELECT sum({texts}) {source}").fetchone()) or (0,)
            if long and long > _LONGEST_TEXTS:
                raise _unreadable(paths, f"its texts have {long} bytes, expected at most {_LONGEST_TEXTS}")
            frame = connection.execute(f"SELECT {names} {source}").df()
    except duckdb.Error as error:
        raise _unreadable(paths, str(error).splitlines()[0]) from error
    return _typed(frame, schema)


def _unreadable(paths: Sequence[Path], reason: str) -> RunError:
    return RunError(
        f"cannot read {_title(paths)}: {reason}",
        "Run the analysis again with --resume to repair it, or analyse into another folder.",
    )


def without_results(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The planned columns with empty computed ones beside them."""
    import pandas as pd

    empty = {name: pd.Series([_ABSENT.get(name)] * len(frame), index=frame.index, dtype=object) for name in COMPUTED}
    return _typed(frame.assign(**empty), {**PLANNED, **COMPUTED})


def _typed(frame: "pd.DataFrame", schema: Mapping[str, str]) -> "pd.DataFrame":
    """Text and truth values as objects with None where there is none; numbers as NumPy numbers."""
    for name, kind in schema.items():
        if kind in {"INTEGER", "DOUBLE", "REAL"}:
            frame[name] = frame[name].astype(_DTYPES[kind])
        else:
            column = frame[name].astype(object)
            frame[name] = column.where(column.notna(), None)
    if "partial" in schema:
        frame["partial"] = frame["partial"].astype(bool)
    return frame


def _title(paths: Sequence[Path]) -> str:
    return "the points of the patterns" if paths[0].stem == "points" else "the image table"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _literal(path: Path) -> str:
    """A path for `read_parquet`, to which a folder `run [1]` would else be a pattern that fits `run 1`."""
    return re.sub(r"[*?\[]", r"[\g<0>]", _quoted(path))
