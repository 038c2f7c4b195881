from __future__ import annotations

import contextlib
import os
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mmaction.safe_pickle import UnsafePickleError, load_arrays
from tests.bomb import Bomb

ARRAYS = arrays.arrays(
    dtype=st.one_of(
        arrays.boolean_dtypes(),
        arrays.integer_dtypes(endianness="?"),
        arrays.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
        arrays.unicode_string_dtypes(endianness="?", max_len=5),
    ),
    shape=arrays.array_shapes(min_dims=0, min_side=0, max_dims=3, max_side=4),
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(value=ARRAYS, protocol=st.integers(2, pickle.HIGHEST_PROTOCOL), columns=st.booleans())
def test_arrays_come_back(value: np.ndarray, protocol: int, columns: bool) -> None:
    value = np.asfortranarray(value) if columns else value
    data = pickle.dumps({"it": [value, value]}, protocol=protocol)
    got = load_arrays(data)["it"]
    assert got[0].dtype == pickle.loads(data)["it"][0].dtype
    assert got[0].shape == value.shape
    np.testing.assert_array_equal(*got)
    np.testing.assert_array_equal(got[0], value)


@given(value=PLAIN, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_data_comes_back(value: Any, protocol: int) -> None:
    assert load_arrays(pickle.dumps(value, protocol=protocol)) == value


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize(
    "value", [np.int64(-3), np.float32(0.1), np.bool_(True), np.uint16(65535), np.str_("né")]
)
def test_numbers_of_numpy_come_back(value: Any, protocol: int) -> None:
    got = load_arrays(pickle.dumps(value, protocol=protocol))
    assert type(got) is type(value)
    assert got == value


def test_what_python_2_wrote_is_read() -> None:
    """Its pickle of ``{'a': array([1, 255], dtype='<u2')}``: its texts are bytes."""
    data = (
        b"\x80\x02}q\x00U\x01aq\x01cnumpy.core.multiarray\n_reconstruct\nq\x02"
        b"cnumpy\nndarray\nq\x03K\x00\x85q\x04U\x01bq\x05\x87q\x06Rq\x07"
        b"(K\x01K\x02\x85cnumpy\ndtype\nq\x08U\x02u2K\x00K\x01\x87Rq\t"
        b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x04\x01\x00\xff\x00tbs."
    )
    pickletools.dis(data, out=open(os.devnull, "w"))  # noqa: SIM115
    got = load_arrays(data, encoding="latin1")
    np.testing.assert_array_equal(got["a"], np.array([1, 255], dtype="<u2"))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_nothing_runs(tmp_path: Path, protocol: int) -> None:
    data = pickle.dumps({"scores": np.ones(3), "x": Bomb(tmp_path / "boom")}, protocol=protocol)
    refused = r"refused posix\.mkdir" if protocol > 1 else "refused "  # 0 and 1 copy by `copyreg`
    with pytest.raises(UnsafePickleError, match=refused):
        load_arrays(data)
    assert not (tmp_path / "boom").exists()


@pytest.mark.parametrize(
    "data",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cbuiltins\ngetattr\n(cnumpy\nndarray\nS'tofile'\ntR.",
        b"cnumpy.core.multiarray\n_reconstruct.__globals__\n.",
        b"cnumpy\nload\n(S'x'\ntR.",
        b"(S'ls'\nios\nsystem\n.",
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02ls\x85R.",
    ],
)
def test_other_names_are_refused(data: bytes) -> None:
    with pytest.raises(UnsafePickleError, match="refused "):
        load_arrays(data)


def forged_state(state: bytes) -> bytes:
    """An array of 8 zero bytes whose dtype ``V8`` or ``f8`` is given ``state``."""
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x01\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R" + state + b"b"
        b"\x89c_codecs\nencode\nX\x08\x00\x00\x00"
        + b"\x00" * 8
        + b"X\x06\x00\x00\x00latin1\x86Rtb."
    )


def test_a_forged_dtype_can_not_make_bytes_into_addresses() -> None:
    """numpy itself believes a state that says its bytes are objects, and follows them."""
    honest = b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t"
    assert load_arrays(forged_state(honest), encoding="latin1").tolist() == [0.0]
    objects = b"cnumpy\ndtype\nU\x01OK\x00K\x01\x87R"
    fields = b"(U\x01a\x85}U\x01a" + objects + b"K\x00\x86s"
    forged = b"(K\x03U\x01|N" + fields[1:] + b"K\x08K\x01K\x00t"
    with pytest.raises(pickle.UnpicklingError, match=r"array of object, not of numbers"):
        load_arrays(forged_state(forged), encoding="latin1")
    forged = forged.replace(objects, b"N")
    with pytest.raises(pickle.UnpicklingError, match=r"array with fields"):
        load_arrays(forged_state(forged), encoding="latin1")


@pytest.mark.parametrize(
    "value",
    [
        np.array([None, "a"], dtype=object),
        np.zeros(2, dtype=[("a", "f4")]),
        np.zeros(2, dtype="V8"),
        np.ma.masked_array([1.0, 2.0], mask=[True, False]),
        np.random.default_rng(0),
    ],
    ids=["objects", "fields", "void", "subclass", "state"],
)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_arrays_of_anything_else_are_refused(value: Any, protocol: int) -> None:
    with pytest.raises(pickle.UnpicklingError):
        load_arrays(pickle.dumps(value, protocol=protocol))


@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
def test_damage_makes_an_exception_or_other_data(position: int, value: int) -> None:
    data = bytearray(pickle.dumps({"a": np.arange(5.0), "b": ["x"]}, protocol=2))
    data[position % len(data)] = value
    with contextlib.suppress(Exception):  # whatever it is, it is no crash
        load_arrays(bytes(data))
