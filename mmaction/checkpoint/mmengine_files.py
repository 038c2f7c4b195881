"""mmengine's own reading of checkpoints, made to read weights only.

mmengine unpickles anything where the safe way fails. Its loaders belong to its runner, which needs
OpenCV; a network that loads nothing needs neither.
"""

from __future__ import annotations

from typing import Any

from mmengine.model.weight_init import PretrainedInit
from mmengine.registry import WEIGHT_INITIALIZERS
from torch import nn

from mmaction.checkpoint.reading import read_checkpoint


def read_weights_only() -> None:
    """Puts ``read_checkpoint`` in the place of all of mmengine's loaders."""
    from mmengine.runner.checkpoint import CheckpointLoader

    prefixes = tuple(CheckpointLoader._schemes)
    CheckpointLoader.register_scheme(prefixes=prefixes, loader=_read, force=True)


@WEIGHT_INITIALIZERS.register_module(name="Pretrained", force=True)
class SafePretrainedInit(PretrainedInit):
    """mmengine's ``init_cfg=dict(type='Pretrained', checkpoint=…)``, weights only.

    Raises:
        CheckpointError: It is no file on this machine, or can't be used: see ``read_checkpoint``.
    """

    def __call__(self, module: nn.Module) -> None:
        read_weights_only()
        super().__call__(module)


def _read(filename: str, map_location: object = None) -> dict[str, Any]:
    return read_checkpoint(filename)
