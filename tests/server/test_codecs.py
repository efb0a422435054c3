"""Bytes of answers: numpy reads them, and so does the page, held to the same bytes (tests/shared/arrays.json)."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest

from vitscope.answers import codecs

SHARED = json.loads((Path(__file__).parents[1] / "shared" / "arrays.json").read_text("utf-8"))
VALUES = [0, 1, -2.5, 0.1, np.nan, np.inf]


def made(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    size = int(np.prod(shape))
    values = VALUES if dtype.startswith("f") else [0, 1, 7, 200]
    return np.resize(np.array(values), size).astype(dtype).reshape(shape)


CASES = {
    "half": made("f2", (2, 3)),
    "single": made("f4", (1, 2, 3)),
    "double": made("f8", (6,)),
    "bytes": made("u1", (4, 1)),
    "whole": made("i8", ()),
    "none": made("f4", (0, 3)),
}


@pytest.mark.parametrize("name", CASES)
def test_an_array_is_read_by_numpy_as_it_was(name):
    content = codecs.npy(CASES[name])
    read = np.load(io.BytesIO(content), allow_pickle=False)
    assert read.dtype == CASES[name].dtype
    np.testing.assert_array_equal(read, CASES[name])
    assert base64.b64encode(content).decode() == SHARED["npy"][name]


def test_several_arrays_are_read_by_name_and_equal_ones_are_equal_bytes():
    content = codecs.npz(CASES)
    with np.load(io.BytesIO(content), allow_pickle=False) as read:
        assert set(read.files) == set(CASES)
        for name, values in CASES.items():
            np.testing.assert_array_equal(read[name], values)
    assert content == codecs.npz(CASES)
    assert base64.b64encode(content).decode() == SHARED["npz"]


def test_other_orders_of_bytes_and_axes_are_sent_as_the_page_reads_them():
    values = np.arange(6, dtype=">f4").reshape(2, 3).T
    read = np.load(io.BytesIO(codecs.npy(values)))
    assert read.dtype == np.dtype("<f4") and read.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(read, values)
