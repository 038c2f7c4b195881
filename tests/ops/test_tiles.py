from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from mmaction.ops import tiles

TAKEN = {
    "cells": (tiles.CELLS, 6),
    "taps": (tiles.TAPS, 3),
    "reversed_taps": (tiles.REVERSED_TAPS, 3),
    "of_sums": (tiles.OF_SUMS, 4),
}
GIVEN = {"sums": (tiles.SUMS, 4), "of_taps": (tiles.OF_TAPS, 3)}
sides, channels = st.integers(1, 13), st.sampled_from((1, 3, 32, 96))
dtypes = st.sampled_from((torch.float32, torch.float64))


def draw(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def both_sides(matrix: Tensor, tile: Tensor, wide: bool) -> Tensor:
    """m·tile, or m·tile·mᵀ, of A×1×C or A×A×C."""
    result = torch.tensordot(matrix, tile, dims=([1], [0]))
    return torch.einsum("qj,pjc->pqc", matrix, result) if wide else result


def starts(length: int, transform: tiles.Transform) -> range:
    return range(-transform.before, length - transform.before, transform.stride)


def literally_taken(x: Tensor, transform: tiles.Transform, size: int, wide: bool) -> Tensor:
    number, height, width, channels = x.shape
    matrix = torch.tensor(transform.matrix, dtype=torch.float64)
    padded = x.new_zeros(number, height + 20, width + 20, channels)
    padded[:, 10 : 10 + height, 10 : 10 + width] = x
    products = []
    for picture in padded:
        for top in starts(height, transform):
            for left in starts(width, transform) if wide else range(width):
                across = size if wide else 1
                tile = picture[10 + top :, 10 + left :][:size, :across].double()
                products.append(both_sides(matrix, tile, wide).reshape(-1, channels))
    return torch.stack(products, dim=1)


@pytest.mark.usefixtures("vectors")
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("name", TAKEN)
@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # it is the same for all
)
@given(number=st.integers(1, 3), height=sides, width=sides, channels=channels, dtype=dtypes)
def test_takes_tiles(name, wide, number, height, width, channels, dtype) -> None:
    transform, size = TAKEN[name]
    x = draw(number, height, width, channels, dtype=dtype)
    expected = literally_taken(x, transform, size, wide)
    got = tiles.take(x, transform, wide=wide)
    torch.testing.assert_close(got.double(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "shape", [(2, 5, 6), (1, 5, 6), (2, 1, 6), (2, 5, 1), (2, 1, 1), (1, 1, 1)]
)
def test_takes_some_of_the_channels(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """Also where torch has made up the strides of axes of length 1."""
    x = draw(*shape, 96, dtype=dtype)
    expected = tiles.take(x[..., 32:64].contiguous(), tiles.CELLS, wide=False)
    for some in (x[..., 32:64], x[:, None, ..., 32:64].flatten(0, 1)):
        torch.testing.assert_close(tiles.take(some, tiles.CELLS, wide=False), expected)


@pytest.mark.usefixtures("vectors")
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("name", GIVEN)
@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # it is the same for all
)
@given(
    number=st.integers(1, 3),
    height=sides,
    width=sides,
    channels=channels,
    dtype=dtypes,
    last_steps=st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_gives_tiles(name, wide, number, height, width, channels, dtype, last_steps) -> None:
    with_bias, with_other, relu = last_steps
    transform, size = GIVEN[name]
    count = number * tiles.count(height, width, stride=size, wide=wide)
    empty = draw(1, dtype=dtype)
    products = tiles.empty(empty, count, channels, wide=wide)
    products.copy_(draw(*products.shape, dtype=dtype))
    bias = draw(channels, dtype=dtype, seed=1) if with_bias else None
    other = draw(number, height, width, channels, dtype=dtype, seed=2) if with_other else None

    matrix = torch.tensor(transform.matrix, dtype=torch.float64)
    expected = torch.zeros(number, height + size, width + size, channels, dtype=torch.float64)
    numbers = iter(products.double().unbind(1))
    for picture in expected:
        for top in range(0, height, size):
            for left in range(0, width, size) if wide else range(width):
                tile = next(numbers)
                tile = tile.view(6, 6, channels) if wide else tile.view(6, channels)
                cells = both_sides(matrix, tile, wide)
                picture[top : top + size, left : left + (size if wide else 1)] = (
                    cells if wide else cells[:, None]
                )
    expected = expected[:, :height, :width]
    expected = expected + (0 if bias is None else bias.double())
    expected = expected + (0 if other is None else other.double())
    out = torch.empty(number, height, width, channels, dtype=dtype)
    got = tiles.give(products, transform, out=out, wide=wide, bias=bias, other=other, relu=relu)
    assert got is out
    exact = expected.relu() if relu else expected
    torch.testing.assert_close(got.double(), exact, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("order", [(0, 3, 1, 2), (3, 1, 2, 0), (0, 2, 1, 3)])
def test_takes_pictures_that_lie_in_any_order(order: tuple[int, ...]) -> None:
    x = draw(2, 5, 6, 32, dtype=torch.float32)
    places = [order.index(axis) for axis in range(4)]
    elsewhere = x.permute(order).contiguous().permute(places)
    assert torch.equal(elsewhere, x)
    expected = tiles.take(x, tiles.CELLS, wide=True)
    assert torch.equal(tiles.take(elsewhere, tiles.CELLS, wide=True), expected)


def test_the_matrices_are_winograds() -> None:
    """Aᵀ[(G·g) ⊙ (Bᵀ·d)] are the four sums of a filter of three taps."""
    d, g = draw(6), draw(3, seed=1)
    b_t, taps, a_t = (x.like(d) for x in (tiles.CELLS, tiles.TAPS, tiles.SUMS))
    expected = d.unfold(0, 3, 1) @ g
    torch.testing.assert_close(a_t @ ((taps @ g) * (b_t @ d)), expected)
    torch.testing.assert_close(tiles.REVERSED_TAPS.like(d) @ g, taps @ g.flip(0))
    assert torch.equal(tiles.OF_SUMS.like(d), a_t.t())
    assert torch.equal(tiles.OF_TAPS.like(d), taps.t())


@pytest.mark.parametrize("wide", [False, True])
def test_counts_tiles(wide: bool) -> None:
    for height in range(1, 12):
        for width in range(1, 12):
            x = draw(1, height, width, 1)
            taken = tiles.take(x, tiles.CELLS, wide=wide).shape[1]
            assert tiles.count(height, width, stride=4, wide=wide) == taken
