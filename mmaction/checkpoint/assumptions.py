"""What a network computes that none of its weights tells: kept beside them, compared at loading."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from mmaction.errors import ConfigError

META_KEY = "assumes"

# By the config's key below ``model``: how to read it from a network.
_READ: dict[str, Callable[[Any], Any]] = {
    "backbone.stem_temporal_stride": lambda net: net.backbone.stem_temporal_stride,
    "backbone.stem_pool": lambda net: hasattr(net.backbone.stem, "pool"),
    "backbone.pool_temporal_strides": lambda net: list(net.backbone.pool_temporal_strides),
    "backbone.shift_div": lambda net: net.backbone.shift_div,
    "backbone.shift_shortcut": lambda net: net.backbone.shift_shortcut,
    "backbone.non_local_cfg": lambda net: net.backbone.non_local_cfg,
    "neck.steps": lambda net: list(net.neck.steps),
    "backbone.spatial_strides": lambda net: list(
        net.backbone.spatial_strides[: net.backbone.num_stages]
    ),
    "backbone.temporal_strides": lambda net: list(net.backbone.temporal_strides),
    "attention_branch.spatial_stride": lambda net: _stride(net.attention_branch.stage),
    "perception_branch.spatial_stride": lambda net: _stride(net.perception_branch.stage),
    "attention_mechanism.final_relu": lambda net: net.attention_mechanism.final_relu,
}


def _stride(stage: Any) -> int:
    """Over H and W; a stage widens, so its first shortcut has a convolution, with the stride."""
    return stage[0].downsample[0].stride[-1]


def assumptions_of(network: nn.Module) -> dict[str, Any]:
    """What ``network`` has of them, by the config's keys below ``model``, as plain data."""
    found = {}
    for key, read in _READ.items():
        try:
            found[key] = read(network)
        except (AttributeError, TypeError, IndexError):
            continue  # another backbone, or no such branch
    return found


def as_text(assumed: Mapping[str, Any]) -> str:
    """For the metadata of a file."""
    return json.dumps(dict(assumed))


def kept_assumptions(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint's metadata says; empty where it says nothing that can be read."""
    meta = checkpoint.get("meta")
    kept = meta.get(META_KEY) if isinstance(meta, Mapping) else None
    if isinstance(kept, str):
        try:
            kept = json.loads(kept)
        except ValueError:
            return {}
    return dict(kept) if isinstance(kept, Mapping) else {}


def disagreements(network: nn.Module, assumed: Mapping[str, Any]) -> list[str]:
    """A phrase for each key in which ``network`` is another than the weights are for."""
    own = assumptions_of(network)
    return [
        f"model.{key}={value!r}, the config says {own[key]!r}"
        for key, value in assumed.items()
        if key in own and own[key] != value
    ]


def require_assumptions(
    network: nn.Module, assumed: Mapping[str, Any], path: str | Path, *, guessed: bool = False
) -> None:
    """Refuses weights that fit ``network`` and would give wrong answers in it.

    Args:
        network: The config's.
        assumed: What the weights are for.
        path: What messages call them.
        guessed: Whether a converter took it for granted.

    Raises:
        ConfigError: Names the keys and both values.
    """
    found = disagreements(network, assumed)
    if found:
        way_out = ", or convert the original file with --config, if it is right" if guessed else ""
        raise ConfigError(
            f"checkpoint {path} is for {'; '.join(found)}: its answers would be wrong; set it in"
            f" the config{way_out}"
        )
