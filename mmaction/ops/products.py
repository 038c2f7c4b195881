"""Products of float32 matrices, a layer's last steps included: c = relu(a·b + bias + other).

The compiled kernel keeps pace with the best libraries on large matrices and is ahead of them on
those that video networks have, few rows by many columns; it saves passes over memory for the last
steps; and its numbers don't change with the threads, nor a row's with the rows beside it. Without
it, and for what it is not made for, plain torch does the same up to rounding.
"""

from __future__ import annotations

import torch
from torch import Tensor

try:
    from mmaction.ops import _products
except ImportError:
    VECTOR_BYTES = 0
else:
    VECTOR_BYTES = _products.widest_vector_bytes()

# Whether this machine has the compiled kernel and the vector units that it is made for.
HAS_PRODUCTS = VECTOR_BYTES > 0
COLUMNS_UNIT = 32


def computes(a: Tensor, columns: int) -> bool:
    """Whether the compiled kernel multiplies ``a`` by a matrix of so many columns."""
    on_cpu = HAS_PRODUCTS and a.is_cpu and a.dtype == torch.float32
    return on_cpu and a.numel() > 0 and columns > 0 and columns % COLUMNS_UNIT == 0


def multiply(
    a: Tensor,
    b: Tensor,
    *,
    out: Tensor,
    bias: Tensor | None = None,
    other: Tensor | None = None,
    onto: bool = False,
    relu: bool = False,
) -> Tensor:
    """P products at once: ``out[p] = a[p]·b[p]``, plus what is asked for.

    No gradient flows through it.

    Args:
        a: P×R×D; its numbers lie in order along R or along D.
        b: P×D×N, any strides; quickest in order along D or N.
        out: P×R×N, in order along N; shares no memory with the others.
        bias: N, contiguous: added to each row.
        other: R×N, in order along N: added to each product, which are P = 1 then.
        onto: Add to what ``out`` holds, before all else.
        relu: Then cut negatives off.

    Returns:
        ``out``.

    Raises:
        ValueError: shapes that don't fit together.
    """
    products, rows, depth = a.shape
    columns = b.shape[2]
    fit = b.shape == (products, depth, columns) and out.shape == (products, rows, columns)
    fit = fit and (bias is None or bias.shape == (columns,))
    if not fit or (other is not None and (products, *other.shape) != (1, rows, columns)):
        raise ValueError(
            f"can't multiply {tuple(a.shape)} by {tuple(b.shape)} into {tuple(out.shape)}"
            + ("" if bias is None else f", bias {tuple(bias.shape)}")
            + ("" if other is None else f", other {tuple(other.shape)}")
        )
    if not computes(a, columns) or not _in_order(a, b, out, bias, other):
        return _multiply_torch(a, b, out=out, bias=bias, other=other, onto=onto, relu=relu)
    _products.multiply(
        a.data_ptr(),
        a.stride(),
        b.data_ptr(),
        b.stride(),
        out.data_ptr(),
        out.stride()[:2],
        (products, rows, columns, depth),
        0 if bias is None else bias.data_ptr(),
        0 if other is None else other.data_ptr(),
        0 if other is None else other.stride(0),
        onto,
        relu,
        torch.get_num_threads(),
        VECTOR_BYTES,
    )
    return out


def _in_order(a: Tensor, b: Tensor, out: Tensor, *others: Tensor | None) -> bool:
    """Whether all lie as the kernel reads them."""
    given = [x for x in (b, out, *others) if x is not None]
    same_kind = all(x.is_cpu and x.dtype == torch.float32 for x in given)
    last = [x.stride(-1) == 1 for x in (out, *others) if x is not None]
    return same_kind and 1 in a.stride()[1:] and all(last)


@torch.no_grad()
def _multiply_torch(
    a: Tensor,
    b: Tensor,
    *,
    out: Tensor,
    bias: Tensor | None,
    other: Tensor | None,
    onto: bool,
    relu: bool,
) -> Tensor:
    if onto:
        out.baddbmm_(a, b)
    else:
        torch.bmm(a, b, out=out)
    for addend in (bias, other):
        if addend is not None:
            out += addend
    return out.relu_() if relu else out
