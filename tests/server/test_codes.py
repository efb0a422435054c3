import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vitscope.answers.codes import decode_log8, encode_log8


@given(st.floats(1e-5, 1, width=64))
def test_a_share_in_range_comes_back_within_2_3_percent(share):
    back = decode_log8(encode_log8(np.array([share])))
    assert abs(back[0] - share) <= 0.023 * share


@given(st.lists(st.floats(0, 1, width=32), min_size=2))
def test_codes_keep_the_order(shares):
    assert (np.diff(encode_log8(np.sort(np.array(shares, np.float32))).astype(int)) >= 0).all()


def test_codes_decode_and_encode_to_themselves():
    codes = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(encode_log8(decode_log8(codes)), codes)
    np.testing.assert_allclose(decode_log8(codes)[[0, 1, 255]], [0, 1e-5, 1], rtol=1e-5)


def test_ends_of_the_scale():
    shares = np.array([0, 1e-9, 0.97e-5, 0.98e-5, 1e-5, 1, 1.001, np.nan], np.float32)
    np.testing.assert_array_equal(encode_log8(shares), [0, 0, 0, 1, 1, 255, 255, 0])
    assert encode_log8(shares).dtype == np.uint8
