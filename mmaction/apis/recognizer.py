"""A config's network with a checkpoint's weights, outside any runner."""

from __future__ import annotations

import os
from pathlib import Path

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log

from mmaction.checkpoint.compatibility import in_own_names, load_weights
from mmaction.checkpoint.reading import read_checkpoint
from mmaction.environment import tolerate_broken_torchvision
from mmaction.models import BaseRecognizer
from mmaction.readable_errors import readable_build_errors
from mmaction.registry import MODELS


def load_recognizer(cfg: Config, checkpoint: str | os.PathLike[str]) -> BaseRecognizer:
    """Builds the config's network with the checkpoint's weights, on its device in eval mode.

    Raises:
        CheckpointError: It is missing, broken or of another architecture.
        ConfigError: The network can't be built, or computes other than the weights are for.
    """
    tolerate_broken_torchvision()
    path = Path(checkpoint)
    content = read_checkpoint(path)
    with readable_build_errors():
        model = MODELS.build(cfg.model)
    content, said = in_own_names(model, content, path)
    if said is not None:
        print_log(said, logger="current")
    load_weights(model, content, path, strict=True)
    return model.to(get_device()).eval()
