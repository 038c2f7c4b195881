"""Pickles of plain data and numpy arrays, read so that nothing in them can run.

A pickle names functions and calls them. Here the few names that arrays need lead to functions of
this module, every other name is refused. numpy's own are not good enough: they take a forged dtype
whose bytes are then used as addresses of objects.
"""

from __future__ import annotations

import io
import pickle
from typing import Any, ClassVar

import numpy as np

# Booleans, integers, floats, complex numbers, texts of a fixed length.
PLAIN_KINDS = "biufcSU"


class UnsafePickleError(pickle.UnpicklingError):
    """A pickle that names something which could run.

    Attributes:
        name: What it names, as ``module.name``.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"refused {name}, which could run code")
        self.name = name


def load_arrays(data: bytes, *, encoding: str = "ASCII") -> Any:
    """Reads a pickle of Python's plain data and of arrays of numbers or texts.

    Args:
        data: The pickle.
        encoding: Of texts that Python 2 wrote; ``'latin1'`` for its arrays.

    Raises:
        UnsafePickleError: It names anything else.
        Exception: Whatever damaged data makes an unpickler raise.
    """
    return _ArrayUnpickler(io.BytesIO(data), encoding=encoding).load()


# Python's own unpickler is the one whose steps can be looked at; C's does the same, faster.
_PythonUnpickler: Any = pickle._Unpickler


class _ArrayUnpickler(_PythonUnpickler):
    dispatch: ClassVar[dict[int, Any]] = dict(_PythonUnpickler.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        found = _FUNCTIONS.get((module, name))
        if found is None:
            raise UnsafePickleError(f"{module}.{name}")
        return found

    def load_build(self) -> None:
        """Sets an object's state: only arrays have one, of a plain dtype, and byte orders."""
        inst, state = self.stack[-2:]
        if isinstance(inst, _PlainType):
            inst.set_byte_order(state)
            self.stack.pop()
        elif type(inst) is np.ndarray:
            version, shape, dtype, fortran, content = state
            if not isinstance(dtype, _PlainType) or not isinstance(content, bytes | str):
                raise pickle.UnpicklingError("an array that holds more than numbers or texts")
            self.stack[-1] = (version, shape, dtype.dtype, fortran, content)
            super().load_build()
        else:
            raise pickle.UnpicklingError(f"a {type(inst).__name__} with a state of its own")

    dispatch[pickle.BUILD[0]] = load_build


class _PlainType:
    """Stands for ``numpy.dtype`` in a pickle: of one plain kind, without fields."""

    def __init__(self, code: str | bytes, align: bool = False, copy: bool = False) -> None:
        self.dtype = np.dtype(code if isinstance(code, str) else code.decode("ascii"))
        if self.dtype.kind not in PLAIN_KINDS or self.dtype.subdtype is not None:
            raise pickle.UnpicklingError(f"an array of {self.dtype}, not of numbers or texts")

    def set_byte_order(self, state: tuple[Any, ...]) -> None:
        """Takes the second part of a dtype's state: its byte order, ``'|'`` where it has none."""
        order: Any = state[1] if isinstance(state[1], str) else state[1].decode("ascii")
        if any(part is not None for part in state[2:5]):
            raise pickle.UnpicklingError("an array with fields, not of numbers or texts")
        if order != "|":
            self.dtype = self.dtype.newbyteorder(order)


_NDARRAY = object()


def _empty_array(kind: object, shape: object, code: object) -> np.ndarray:
    """What ``_reconstruct`` makes for a state to be set: its shape and type come with the state."""
    if kind is not _NDARRAY:
        raise pickle.UnpicklingError("an array of a class of its own")
    return np.ndarray((0,), dtype=np.int8)


def _from_buffer(data: Any, kind: _PlainType, shape: tuple[int, ...], order: str) -> np.ndarray:
    array = np.frombuffer(data, dtype=_plain(kind))
    return array.reshape(shape, order="F" if order == "F" else "C")


def _scalar(kind: _PlainType, data: bytes | str) -> Any:
    content = data.encode("latin1") if isinstance(data, str) else data
    return np.frombuffer(content, dtype=_plain(kind), count=1)[0]


def _plain(kind: _PlainType) -> np.dtype:
    if not isinstance(kind, _PlainType):
        raise pickle.UnpicklingError("an array without a plain dtype")
    return kind.dtype


def _encode(text: str, encoding: str) -> bytes:
    """How protocol 2 keeps bytes: as a text in latin1, and in no other encoding."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes in encoding {encoding!r}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """How protocol 2 keeps bytes of length 0."""
    return b""


# numpy 2 moved its functions; files of both are read.
_FUNCTIONS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _PlainType,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
    ("builtins", "bytes"): _no_bytes,
    **{
        (f"numpy.{core}.{module}", name): function
        for core in ("core", "_core")
        for module, name, function in (
            ("multiarray", "_reconstruct", _empty_array),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
}
