"""A config's network with a checkpoint's weights, outside any runner."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log

from mmaction.checkpoint.compatibility import fitting_weights, in_own_names, load_weights
from mmaction.checkpoint.reading import read_checkpoint, require_undamaged
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


def check_weights(cfg: Config, checkpoint: str | os.PathLike[str], *, strict: bool) -> None:
    """Refuses weights that the config's network can't take, before anything is made.

    Args:
        cfg: From ``load_config``.
        checkpoint: The file.
        strict: See ``fitting_weights``.

    Raises:
        CheckpointError: It is missing, broken or of another architecture.
        ConfigError: The network can't be built, or computes other than the weights are for.
    """
    path = Path(checkpoint)
    require_undamaged(path)
    content = read_checkpoint(path)
    try:
        with readable_build_errors(), torch.device("meta"):
            model = MODELS.build(cfg.model)
    except (RuntimeError, NotImplementedError):
        return  # it needs memory to be built: the runner compares them
    content, _ = in_own_names(model, content, path)
    partly = bool(cfg.get("load_partly", False))
    fitting_weights(model, content, path, strict=strict, partly=partly)
