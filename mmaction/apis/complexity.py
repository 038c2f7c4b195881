"""How large a config's network is and how much it computes, by part; nothing is allocated.

The network is built and run on torch's meta device, which has shapes and no data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmengine.config import Config
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmaction.apis.config import clip_shape
from mmaction.errors import ConfigError
from mmaction.readable_errors import readable_build_errors
from mmaction.registry import MODELS

# torch counts a multiplication and an addition as two operations.
_OPERATIONS_PER_MAC = 2
# Below the recognizer: its parts, and what these are made of.
_DEPTH = 2


@dataclass(frozen=True)
class PartComplexity:
    """Size and work of a part of a network.

    Attributes:
        name: Of the module, dotted, such as ``attention_branch.stage``; '' for the network.
        parameters: Learned numbers.
        macs: Multiply-accumulates of convolutions and matrix products, for one clip.
    """

    name: str
    parameters: int
    macs: int


def recognizer_complexity(
    cfg: Config, shape: Sequence[int] | None = None
) -> tuple[tuple[int, ...], list[PartComplexity]]:
    """Counts what ``cfg``'s network takes for one clip.

    Args:
        cfg: From ``load_config``.
        shape: T, H and W of the clip; default: the config's clip length and test crop. Another T
            than ``model.clip_len`` counts the network built for that T.

    Returns:
        The shape, and the parts: the network, then each part followed by what it is made of.

    Raises:
        ConfigError: The network can't be built, or no clip of that shape fits it.
    """
    shape = clip_shape(cfg) if shape is None else tuple(shape)
    if min(shape) < 1:
        raise ConfigError(f"shape {' '.join(map(str, shape))}: expected whole numbers, 1 or more")
    with readable_build_errors(), torch.device("meta"):
        model = MODELS.build({**cfg.model, "clip_len": shape[0]}).eval()
        return shape, count(model, torch.empty(1, 3, *shape))


def count(model: nn.Module, clips: torch.Tensor) -> list[PartComplexity]:
    """Parameters and multiply-accumulates of one pass of ``model``, which may be on ``meta``.

    Raises:
        ConfigError: The clips are too small for it.
    """
    counter = FlopCounterMode(display=False, depth=_DEPTH)
    with torch.no_grad(), counter:
        try:
            model(clips)
        except RuntimeError as e:
            size = "×".join(map(str, clips.shape[2:]))
            raise ConfigError(f"a clip of {size} does not fit the network: {e}") from e
    operations = counter.get_flop_counts()
    parts = []
    for name, module in model.named_modules():
        if name.count(".") < _DEPTH:
            key = f"{type(model).__name__}.{name}" if name else "Global"
            macs = sum(operations.get(key, {}).values()) // _OPERATIONS_PER_MAC
            parameters = sum(p.numel() for p in module.parameters())
            if parameters or macs:
                parts.append(PartComplexity(name, parameters, macs))
    return parts
