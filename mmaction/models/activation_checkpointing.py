"""Activation checkpointing that keeps what is expensive and recomputes what is cheap.

A layer's backward pass needs what its forward pass read. Keeping all of it is what a video
network's memory goes to; recomputing all of it costs another forward pass (Chen et al.,
arXiv:1604.06174). In between: results of convolutions are kept, norms and ReLUs, which cost next to
nothing, are computed again, and so are the 1×1×1 convolutions that widen a block, which make its
largest tensors with its fewest operations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
import torch.utils.checkpoint
from torch import Tensor, nn
from torch.utils.checkpoint import CheckpointPolicy, create_selective_checkpoint_contexts


def checkpointed(
    run: Callable[..., Tensor], *inputs: Tensor, module: nn.Module, mode: bool | str
) -> Tensor:
    """``run(*inputs)``; what its backward pass needs is recomputed then, as ``mode`` says.

    Args:
        run: Uses ``module``'s parameters.
        module: Its norms' running statistics are left alone while recomputing: each batch counts
            once, as without checkpointing.
        mode: False keeps everything, True nothing but the inputs, ``'selective'`` also the results
            of convolutions, but for 1×1×1 ones that widen.
    """

    if not mode or not torch.is_grad_enabled():
        return run(*inputs)

    def contexts() -> tuple[AbstractContextManager, AbstractContextManager]:
        if mode != "selective":
            return nullcontext(), _untouched_statistics(module)
        keep, reuse = create_selective_checkpoint_contexts(_keep_expensive)
        return keep, _untouched_statistics(module, reuse)

    return torch.utils.checkpoint.checkpoint(
        run, *inputs, use_reentrant=False, preserve_rng_state=False, context_fn=contexts
    )


def _keep_expensive(_: Any, operation: Any, *args: Any, **kwargs: Any) -> CheckpointPolicy:
    if operation is torch.ops.aten.convolution.default and is_kept(args[1].shape):
        return CheckpointPolicy.MUST_SAVE
    return CheckpointPolicy.PREFER_RECOMPUTE


def is_kept(weight: Sequence[int]) -> bool:
    """Whether the result of a convolution with a weight of this shape is worth keeping.

    All are but those of 1×1×1 kernels that widen.
    """
    out_channels, in_channels, *kernel = weight
    return out_channels <= in_channels or any(k > 1 for k in kernel)


@contextmanager
def _untouched_statistics(
    module: nn.Module, inner: AbstractContextManager | None = None
) -> Iterator[None]:
    norms = [
        m
        for m in module.modules()
        if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.training and m.track_running_stats
    ]
    before = [(m.momentum, m.num_batches_tracked) for m in norms]
    for m in norms:
        # The running statistics move by this share of the batch's: not at all.
        m.momentum, m.num_batches_tracked = 0.0, None
    try:
        with inner or nullcontext():
            yield
    finally:
        for m, (momentum, batches) in zip(norms, before, strict=True):
            m.momentum, m.num_batches_tracked = momentum, batches
