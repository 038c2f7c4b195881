"""From another code base's names to this project's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mmaction.checkpoint.layouts import LAYOUTS, PLAIN, recognised
from mmaction.checkpoint.renaming import Layout, of_clips, renamed
from mmaction.convert.settings import model_settings
from mmaction.errors import CheckpointError, ConfigError, near

AUTO = "auto"
SHOWN_NAMES = 3
_STEM, _NOTHING = "backbone.stem.conv.weight", torch.empty(0)
_SHIFT = dict(shift_div=8)
# Parts of MMAction's networks that no network here has, by their names.
_ELSEWHERE = (
    (r"backbone\.(slow|fast)_path\.", "the two pathways of SlowFast"),
    (r"backbone\..*\.conv2\.\d\.", "the channel-separated convolutions of CSN"),
)


@dataclass(frozen=True)
class Conversion:
    """A checkpoint in this project's names.

    Attributes:
        state: Weights by name.
        layout: Whose names they had.
        theirs: The names they had, by this project's.
        dropped: How many were left out, by the start of their names, such as ``necks.tpn``.
        settings: The ``model`` of a config for them; None where they don't tell. A ``Recognizer3D``
            and a ``Recognizer2D`` also need their ``clip_len``, which weights do not depend on.
        assumes: What the network is taken to compute that no weight tells, by the config's keys
            below ``model``; empty where nothing is known.
    """

    state: dict[str, Tensor]
    layout: Layout
    theirs: dict[str, str]
    dropped: dict[str, int]
    settings: dict[str, Any] | None
    assumes: dict[str, Any]


def convert(state: Mapping[str, Tensor], *, layout: str = AUTO, source: str) -> Conversion:
    """Renames a checkpoint's weights.

    Args:
        state: Weights by name, without ``module.``.
        layout: One of ``LAYOUTS``, or ``'auto'`` to tell by the names.
        source: What messages call the checkpoint.

    Raises:
        CheckpointError: The names are not the layout's, two become one, or no network here can
            take the weights of a foreign layout.
    """
    if layout != AUTO and layout not in LAYOUTS:
        raise CheckpointError(f"layout {layout!r} is unknown{near(layout, [AUTO, *LAYOUTS])}")
    found = _recognise(state, source) if layout == AUTO else LAYOUTS[layout]
    own = renamed(state, found, source=source)
    if own.unknown:
        raise CheckpointError(
            f"{source}: {found.title} ({found.name}) has no weights named {_some(own.unknown)}"
            + _elsewhere(own.unknown)
        )
    own_state, dropped = own.state, dict(own.dropped)
    if found.model is not None:
        return Conversion(own_state, found, own.theirs, dropped, dict(found.model), assumes={})
    backbone = dict(found.backbone)
    if found is not PLAIN:
        own_state = of_clips(own.state)
    images = own.state.get(_STEM, _NOTHING).ndim == 4
    if not images:
        backbone = {key: value for key, value in backbone.items() if not key.startswith("shift")}
    elif any(".net." in name for name in own.theirs.values()):
        backbone |= _SHIFT
    try:
        model, assumes = model_settings(
            own_state, assumes=found.assumes, backbone=backbone, images=images
        )
    except ConfigError as e:
        if found is PLAIN:
            return Conversion(own_state, found, own.theirs, dropped, settings=None, assumes={})
        # In the file's own names: those are what its owner knows.
        told = re.sub(r"[\w.]+\.\w+", lambda m: own.theirs.get(m[0], m[0]), str(e))
        raise CheckpointError(
            f"{source}: no network here takes {found.title} of this kind: {told}"
            + _elsewhere(list(state))
        ) from e
    if found.preprocessor is not None:
        model["data_preprocessor"] = dict(found.preprocessor)
    return Conversion(own_state, found, own.theirs, dropped, model, assumes)


def _recognise(state: Mapping[str, Tensor], source: str) -> Layout:
    if state.get("conv1.weight", _NOTHING).ndim == 4 and recognised(state) is None:
        raise CheckpointError(
            f"{source}: a ResNet of single images, not of clips;"
            f" model.backbone.pretrained={source!r} takes it, inflated over time"
            f" (--from {PLAIN.name} only writes it anew)"
        )
    found = recognised(state)
    if found is None:
        raise CheckpointError(
            f"{source}: of no code that is known here, its weights are named {_some(list(state))}; "
            f"--from {PLAIN.name} takes the names as they are" + _elsewhere(list(state))
        )
    return found


def _elsewhere(names: list[str]) -> str:
    parts = [part for pattern, part in _ELSEWHERE if any(re.match(pattern, n) for n in names)]
    return f"; no network here has {' and '.join(parts)}" if parts else ""


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN_NAMES
    return ", ".join(names[:SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")
