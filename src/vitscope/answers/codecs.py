"""Answers as bytes that describe themselves: .npy, .npz, JSON, pictures.

Knows nothing about: runs, HTTP.
"""

import io
import zipfile
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

NPY: Final = "application/x-npy"
NPZ: Final = "application/x-npz"
JSON: Final = "application/json"


def npy(values: NDArray[Any]) -> bytes:
    """One array as numpy.save writes it, little-endian, rows first."""
    file = io.BytesIO()
    np.lib.format.write_array(file, _plain(values), allow_pickle=False)
    return file.getvalue()


def npz(arrays: dict[str, NDArray[Any]]) -> bytes:
    """Several arrays by name as numpy.savez writes them, not compressed."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, values in arrays.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), npy(values))  # its own date: equal answers, equal bytes
    return file.getvalue()


def document(kind: TypeAdapter[Any], value: Any) -> bytes:  # noqa: ANN401 - whatever the adapter is for
    """A message, camelCase."""
    return kind.dump_json(value, by_alias=True)


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    values = np.asarray(values)
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).reshape(values.shape)
