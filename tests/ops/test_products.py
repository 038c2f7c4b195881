from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from mmaction.ops.products import HAS_PRODUCTS, computes, multiply

compiled = pytest.mark.skipif(not HAS_PRODUCTS, reason="needs the compiled kernel")


def draw(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def off(got: Tensor, exact: Tensor, size: Tensor) -> float:
    """Largest error as a share of the sum of what was added up, absolutely."""
    return ((got.double() - exact).abs() / size.clamp(min=1e-30)).max().item()


@pytest.mark.usefixtures("vectors")
@settings(
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # it is the same for all
)
@given(
    batch=st.integers(1, 3),
    rows=st.integers(1, 130),
    depth=st.one_of(st.integers(1, 40), st.integers(240, 600)),
    columns=st.one_of(st.sampled_from((32, 64, 288, 320)), st.integers(1, 40)),
    a_transposed=st.booleans(),
    b_transposed=st.booleans(),
    last_steps=st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans()),
)
def test_multiplies_and_takes_the_last_steps(
    batch, rows, depth, columns, a_transposed, b_transposed, last_steps
) -> None:
    """Against float64, for every order in memory and every combination of last steps."""
    with_bias, with_other, onto, relu = last_steps
    a = draw(batch, depth, rows).transpose(1, 2) if a_transposed else draw(batch, rows, depth)
    b = draw(batch, columns, depth, seed=1).transpose(1, 2)
    b = b if b_transposed else b.contiguous()
    bias = draw(columns, seed=2) if with_bias else None
    other = draw(rows, columns, seed=3) if with_other and batch == 1 else None
    out = draw(batch, rows, columns, seed=4)

    exact = a.double() @ b.double()
    size = a.double().abs() @ b.double().abs()
    for addend in (bias, other, out.clone() if onto else None):
        if addend is not None:
            exact, size = exact + addend.double(), size + addend.double().abs()
    if relu:
        exact = exact.relu()
    got = multiply(a, b, out=out, bias=bias, other=other, onto=onto, relu=relu)
    assert got is out
    assert off(got, exact, size) < 1e-6


@pytest.mark.parametrize(("rows", "depth", "columns"), [(0, 5, 32), (4, 0, 32), (4, 5, 0)])
def test_nothing_is_multiplied(rows: int, depth: int, columns: int) -> None:
    out = torch.full((1, rows, columns), 7.0)
    got = multiply(draw(1, rows, depth), draw(1, depth, columns), out=out)
    assert torch.equal(got, torch.zeros(1, rows, columns) if depth == 0 else out)


def test_parts_of_larger_tensors_are_left_where_they_are() -> None:
    """Steps from row to row, and a result among other columns."""
    a, b = draw(2, 20, 80)[:, :, 8:72], draw(2, 64, 96, seed=1)[:, :, 32:]
    whole = torch.full((2, 20, 128), 7.0)
    multiply(a, b, out=whole[:, :, 32:96])
    torch.testing.assert_close(whole[:, :, 32:96], a @ b)
    assert (whole[:, :, :32] == 7).all()
    assert (whole[:, :, 96:] == 7).all()


@compiled
@pytest.mark.usefixtures("vectors")
@pytest.mark.parametrize("columns", [64, 2048])
def test_threads_and_the_rows_beside_it_change_no_bit(columns: int) -> None:
    a, b = draw(1, 500, 700), draw(1, 700, columns, seed=1)
    threads = torch.get_num_threads()
    try:
        results = []
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            results.append(multiply(a, b, out=torch.empty(1, 500, columns)))
        rows = multiply(a[:, 33:47], b, out=torch.empty(1, 14, columns))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(result, results[0]) for result in results)
    assert torch.equal(rows, results[0][:, 33:47])


@compiled
def test_nan_and_infinity_pass_the_relu() -> None:
    a, b = torch.ones(1, 9, 1), torch.zeros(1, 1, 32)
    b[0, 0, :4] = torch.tensor([float("nan"), float("inf"), -float("inf"), -1])
    got = multiply(a, b, out=torch.empty(1, 9, 32), relu=True)
    assert got[0, :, 0].isnan().all()
    assert (got[0, :, 1] == float("inf")).all()
    assert (got[0, :, 2:] == 0).all()


def test_other_types_and_numbers_of_columns_are_torchs() -> None:
    a = draw(1, 4, 5)
    assert computes(a, 64) == HAS_PRODUCTS
    assert not computes(a, 65)
    assert not computes(a.double(), 64)
    assert not computes(a.to("meta"), 64)
    got = multiply(a.double(), draw(1, 5, 64).double(), out=torch.empty(1, 4, 64).double())
    torch.testing.assert_close(got, a.double() @ draw(1, 5, 64).double())


@pytest.mark.parametrize(
    ("b", "out", "more"),
    [
        ((1, 6, 32), (1, 4, 32), {}),
        ((2, 5, 32), (1, 4, 32), {}),
        ((1, 5, 32), (1, 4, 33), {}),
        ((1, 5, 32), (1, 4, 32), {"bias": torch.empty(31)}),
        ((1, 5, 32), (1, 4, 32), {"other": torch.empty(5, 32)}),
    ],
)
def test_shapes_that_dont_fit_are_refused(b, out, more) -> None:
    with pytest.raises(ValueError, match=r"can't multiply \(1, 4, 5\) by"):
        multiply(draw(1, 4, 5), torch.empty(b), out=torch.empty(out), **more)


@compiled
@pytest.mark.skipif(sys.platform != "linux", reason="looks threads up in /proc")
def test_uses_the_threads_that_torch_has() -> None:
    """No second pool beside torch's, whose threads would contend for the same cores."""
    code = """
import os, torch
from mmaction.ops.products import multiply
torch.set_num_threads(3)
a, b, out = torch.randn(1, 999, 999), torch.randn(1, 999, 992), torch.empty(1, 999, 992)
torch.rand(1 << 20).sigmoid()
before = len(os.listdir("/proc/self/task"))
for _ in range(9):
    multiply(a, b, out=out)
    torch.rand(1 << 20).sigmoid()
print(before, len(os.listdir("/proc/self/task")))
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "3"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    before, after = map(int, done.stdout.split())
    assert before == after
