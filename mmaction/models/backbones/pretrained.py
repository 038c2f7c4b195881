"""Weights to start from: 2D ImageNet ResNets inflated over time, or 3D ones as they are."""

from __future__ import annotations

import functools
import os
import pickle
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from mmaction.checkpoint.layouts import PLAIN, recognised
from mmaction.checkpoint.reading import in_short, read_checkpoint
from mmaction.checkpoint.renaming import renamed
from mmaction.environment import tolerate_broken_torchvision
from mmaction.errors import CheckpointError, ConfigError, first_line, near

TORCHVISION = "torchvision://"
FIRST_WEIGHTS = "imagenet1k_v1"
_WAY_OUT = "give the path of a downloaded file, or None to start from random weights"


def pretrained_state(pretrained: str) -> dict[str, Tensor]:
    """Reads a ResNet's weights, named as in this project (``stem.conv.weight``, ``layer1.0.…``).

    Args:
        pretrained: Path of a ``.pth`` or ``.safetensors`` file, or ``'torchvision://resnet50'``.

    Returns:
        Tensors by name, on the CPU.

    Raises:
        CheckpointError: The file is missing or holds no weights, or torchvision's can't be had.
        ConfigError: torchvision has no network or weights of that name.
    """
    if pretrained.startswith(TORCHVISION):
        return _as_resnet(_torchvision_state(pretrained))
    if not os.path.isfile(pretrained):
        raise CheckpointError(f"pretrained={pretrained!r}: no such file")
    state = read_checkpoint(pretrained)["state_dict"]
    layout = recognised(state)
    if layout is not None:
        state = renamed(state, layout, source=pretrained).state
    if layout not in (None, PLAIN):
        _say(f"pretrained={pretrained!r}: {layout.title}, its weights are renamed")
    return _as_resnet(state)


def _torchvision_weights(source: str) -> Any:
    """torchvision's entry for ``torchvision://NETWORK``, its first weights, or ``NETWORK.WEIGHTS``.

    torchvision's own default are the newest weights; published recipes mean the first.
    """
    reason = tolerate_broken_torchvision()
    if reason is not None:
        raise CheckpointError(
            f"pretrained={source!r}: torchvision can't be imported ({first_line(reason)}): "
            f"{_WAY_OUT}"
        )
    import torchvision.models

    name, _, version = source.removeprefix(TORCHVISION).partition(".")
    try:
        known = torchvision.models.get_model_weights(name).__members__
    except ValueError as e:
        raise ConfigError(f"pretrained={source!r}: torchvision has no {name!r}") from e
    found = known.get((version or FIRST_WEIGHTS).upper())
    if found is None:
        names = [f"{name}.{member.lower()}" for member in known]
        raise ConfigError(
            f"pretrained={source!r}: torchvision has no such weights"
            + near(f"{name}.{version or FIRST_WEIGHTS}", names)
        )
    return found


def _torchvision_state(source: str) -> Mapping[str, Tensor]:
    weights = _torchvision_weights(source)
    try:
        # torchvision checks what it downloads, but not what lies in its cache from before.
        return weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except pickle.UnpicklingError as e:
        cached = os.path.join(torch.hub.get_dir(), "checkpoints", os.path.basename(weights.url))
        raise CheckpointError(
            f"pretrained={source!r}: {cached} is not what torchvision publishes "
            f"({first_line(in_short(e, cached))}): delete it"
        ) from e
    except (OSError, RuntimeError, EOFError) as e:
        raise CheckpointError(
            f"pretrained={source!r} can't be downloaded ({first_line(e)}): {_WAY_OUT}"
        ) from e


@functools.cache
def _say(line: str) -> None:
    """Once, though each branch reads the file."""
    print_log(line, logger="current")


def _as_resnet(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The ResNet in a recognizer's weights, or in those of 2D, by this project's names."""
    own = {name.removeprefix("backbone."): value for name, value in state.items()}
    stages = [int(found[1]) for name in own if (found := re.match(r"layer(\d)\.", name))]
    # ST-ABN's perception branch has its last stage.
    last = f"layer{max(stages, default=0) + 1}."
    renamed = {}
    for name, value in own.items():
        # The stem of 2D ResNets is called conv1 and bn1, beside the stages.
        name = re.sub(r"^(conv|bn)1\.", r"stem.\1.", name)
        renamed[re.sub(r"^perception_branch\.stage\.", last, name)] = value
    return renamed


def inflate(weight: Tensor, shape: Sequence[int]) -> Tensor:
    """A 2D kernel O×I×h×w as a 3D kernel O×I×t×h×w that answers the same to a still clip.

    Repeats it over the t temporal taps and divides by t (Carreira & Zisserman, arXiv:1705.07750).
    """
    taps = shape[2]
    return (weight.unsqueeze(2) / taps).expand(*shape).contiguous()


def load_into(
    module: nn.Module, state: Mapping[str, Tensor], *, source: str, prefix: str = ""
) -> None:
    """Copies what ``state`` holds under ``prefix`` into ``module``, inflating 2D kernels.

    Classifier weights and stages that the module does not have are passed over; non-local blocks
    keep their start values where there are none.

    Args:
        module: A network, or a stage of one.
        state: Weights by name.
        source: Where they are from, for messages.
        prefix: What the module's names begin with in ``state``.

    Raises:
        CheckpointError: A weight of the module is missing from ``state`` or has another shape.
    """
    own = module.state_dict()
    loaded = {}
    for name, value in own.items():
        found = state.get(prefix + name)
        if found is None:
            if name.endswith("num_batches_tracked") or ".non_local_block." in name:
                continue
            raise CheckpointError(f"pretrained={source!r}: {prefix + name} is missing")
        if value.ndim == 5 and found.ndim == 4 and found.shape[:2] == value.shape[:2]:
            found = inflate(found, value.shape)
        if found.shape != value.shape:
            raise CheckpointError(
                f"pretrained={source!r}: {prefix + name} is {tuple(found.shape)}, "
                f"this network needs {tuple(value.shape)}"
            )
        loaded[name] = found
    module.load_state_dict(loaded, strict=False)
