"""A config's network with a checkpoint's weights, outside any runner."""

from __future__ import annotations

import os
from pathlib import Path

from mmengine.config import Config
from mmengine.device import get_device

from mmaction.checkpoint.compatibility import require_same_architecture
from mmaction.checkpoint.reading import read_checkpoint
from mmaction.environment import tolerate_broken_torchvision
from mmaction.models import BaseRecognizer
from mmaction.readable_errors import readable_build_errors
from mmaction.registry import MODELS


def load_recognizer(cfg: Config, checkpoint: str | os.PathLike[str]) -> BaseRecognizer:
    """Builds the config's network with the checkpoint's weights, on its device in eval mode.

    Raises:
        CheckpointError: It is missing, broken or of another architecture.
        ConfigError: The network can't be built.
    """
    tolerate_broken_torchvision()
    weights = read_checkpoint(Path(checkpoint))["state_dict"]
    with readable_build_errors():
        model = MODELS.build(cfg.model)
    require_same_architecture(model, weights, Path(checkpoint))
    model.load_state_dict(weights)
    return model.to(get_device()).eval()
