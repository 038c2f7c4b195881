"""How much a transformer's tokens attend to each other, as its layers compute it.

Dimension letters: B clips, T steps in time, P places in the picture, N tokens, M sequences of them:
B, or B·T where each frame is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def recorded_attentions(network: nn.Module) -> Iterator[list[tuple[str, Tensor]]]:
    """Within it, a forward pass puts each attention's name and weights into the list.

    The weights are float, M×N×N, each row a query's, averaged over heads. Meanwhile they are
    computed one by one: fused kernels don't give them. Afterwards the network is as before.

    Args:
        network: Of timm or transformers.
    """
    kept: list[tuple[str, Tensor]] = []
    with ExitStack() as stack:
        _without_fusing(network, stack)
        for name, module in network.named_modules():
            if name.endswith(".attn_drop"):  # timm's and TimeSformer's: it is given the weights

                def given(_: Any, inputs: Any, name: str = name) -> None:
                    kept.append((name, inputs[0].mean(dim=1)))

                stack.enter_context(module.register_forward_pre_hook(given))
            elif hasattr(module, "scaling"):  # of transformers: they are its second result

                def returned(_: Any, __: Any, output: Any, name: str = name) -> None:
                    kept.append((name, output[1].mean(dim=1)))

                stack.enter_context(module.register_forward_hook(returned))
        yield kept


def _without_fusing(network: nn.Module, stack: ExitStack) -> None:
    """Plain attention until the stack is left."""
    for module in network.modules():
        if getattr(module, "fused_attn", False):
            module.fused_attn = False  # type: ignore[assignment]  # timm's own switch
            stack.callback(setattr, module, "fused_attn", True)
    choose: Any = getattr(network, "set_attn_implementation", None)
    if choose is not None:
        stack.callback(choose, network.config._attn_implementation)  # type: ignore[union-attr]
        choose("eager")


def over_time(attention: Tensor, batch: int) -> Tensor:
    """TimeSformer's attention of each place over time, as attention of all tokens.

    Args:
        attention: (B·P)×T×T.
        batch: B.

    Returns:
        B×N×N with N = 1 + P·T, the class token first, which attends to itself; time runs fastest.
    """
    each = attention.unflatten(0, (batch, -1))
    places, steps = each.shape[1:3]
    same_place = torch.eye(places, dtype=each.dtype, device=each.device)
    joint = each.new_zeros(batch, 1 + places * steps, 1 + places * steps)
    joint[:, 0, 0] = 1
    joint[:, 1:, 1:] = torch.einsum("bpts,pq->bptqs", each, same_place).reshape(
        batch, places * steps, places * steps
    )
    return joint


def within_frames(attention: Tensor, batch: int) -> Tensor:
    """TimeSformer's attention within each frame, as attention of all tokens.

    Args:
        attention: (B·T)×(1 + P)×(1 + P), a class token in each frame; their mean goes on.
        batch: B.

    Returns:
        As of ``over_time``.
    """
    each = attention.unflatten(0, (batch, -1))
    steps, places = each.shape[1], each.shape[2] - 1
    same_step = torch.eye(steps, dtype=each.dtype, device=each.device)
    joint = each.new_zeros(batch, 1 + places * steps, 1 + places * steps)
    joint[:, 0, 0] = each[:, :, 0, 0].mean(dim=1)
    joint[:, 0, 1:] = each[:, :, 0, 1:].transpose(1, 2).flatten(1) / steps
    joint[:, 1:, 0] = each[:, :, 1:, 0].transpose(1, 2).flatten(1)
    joint[:, 1:, 1:] = torch.einsum("btpq,ts->bptqs", each[:, :, 1:, 1:], same_step).reshape(
        batch, places * steps, places * steps
    )
    return joint
