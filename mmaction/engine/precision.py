"""Mixed precision: bfloat16 on whatever computes in it, float16 on GPUs with a scaled loss."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from torch import nn

from mmaction.engine.optim_wrappers import TrainingOptimWrapper
from mmaction.errors import ConfigError
from mmaction.registry import OPTIM_WRAPPERS

KINDS = ("bf16", "fp16")


@OPTIM_WRAPPERS.register_module()
class Bf16OptimWrapper(TrainingOptimWrapper):
    """Forward passes in bfloat16 where that is safe; weights, gradients and optimizer in float32.

    bfloat16 has float32's range: no loss is scaled. Unlike mmengine's ``AmpOptimWrapper`` it works
    on CPUs as well.

    Args:
        **kwargs: mmengine's: ``optimizer``, ``accumulative_counts``, ``clip_grad``.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast, and no exchange of gradients that are yet to be added up."""
        device = torch.device(get_device()).type
        with super().optim_context(model), torch.autocast(device, dtype=torch.bfloat16):
            yield


def use_mixed_precision(cfg: Config, kind: str | None = None) -> None:
    """Sets ``cfg.optim_wrapper`` to a mixed precision; what else it says stays.

    Args:
        cfg: Changed in place.
        kind: ``'bf16'`` or ``'fp16'``; None: fp16 on a GPU, bf16 without one.

    Raises:
        ConfigError: fp16 without a GPU, or an optimizer wrapper that is neither mmengine's plain
            one nor one of these.
    """
    has_gpu = torch.cuda.is_available()
    kind = kind or ("fp16" if has_gpu else "bf16")
    if kind not in KINDS:
        raise ConfigError(f"mixed precision {kind!r}: expected one of {', '.join(KINDS)}")
    if kind == "fp16" and not has_gpu:
        raise ConfigError("fp16 needs a GPU, and this machine has none: --amp-dtype bf16 does not")
    wrapper: dict[str, Any] = cfg.optim_wrapper
    known = ("TrainingOptimWrapper", "TrainingAmpOptimWrapper", "Bf16OptimWrapper")
    if wrapper.get("type", known[0]) not in known:
        raise ConfigError(
            f"--amp: optim_wrapper.type={wrapper['type']!r} is none of {', '.join(known)}"
        )
    if kind == "bf16":
        wrapper["type"] = "Bf16OptimWrapper"
        for key in ("loss_scale", "dtype"):
            wrapper.pop(key, None)
    else:
        wrapper["type"] = "TrainingAmpOptimWrapper"
        wrapper.setdefault("loss_scale", "dynamic")
