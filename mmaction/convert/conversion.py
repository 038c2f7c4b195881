"""From another code base's names to this project's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from mmaction.checkpoint.layouts import LAYOUTS, PLAIN, Layout, recognised, renamed
from mmaction.convert.settings import model_settings
from mmaction.errors import CheckpointError, near

AUTO = "auto"
SHOWN_NAMES = 3
_STEMS = ("conv1.weight", "backbone.conv1.weight", "backbone.conv1.conv.weight")
# Parts of MMAction's networks that no network here has, by their names.
_ELSEWHERE = (
    (r"backbone\.(slow|fast)_path\.", "the two pathways of SlowFast"),
    (r".*\.conv2\.\d\.", "the channel-separated convolutions of CSN"),
    (r".*\.conv_[st]\.", "convolutions in two steps, (2+1)D"),
    (r".*\.non_local", "non-local blocks"),
)


@dataclass(frozen=True)
class Conversion:
    """A checkpoint in this project's names.

    Attributes:
        state: Weights by name.
        layout: Whose names they had.
        dropped: How many were left out, by the start of their names, such as ``necks.tpn``.
        settings: The ``model`` of a config for them; None where they don't tell. A ``Recognizer3D``
            also needs its ``clip_len``, which its weights do not depend on.
        assumes: What the network is taken to compute that no weight tells, by the config's keys
            below ``model``; empty where nothing is known.
    """

    state: dict[str, Tensor]
    layout: Layout
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
    found = _recognise(state, source) if layout == AUTO else _named(layout)
    own = renamed(state, found, source=source)
    if own.unknown:
        raise CheckpointError(
            f"{source}: {found.title} ({found.name}) has no weights named {_some(own.unknown)}"
            + _elsewhere(own.unknown)
        )
    if found.model is not None:
        return Conversion(
            own.state, found, dict(own.dropped), settings=dict(found.model), assumes={}
        )
    settings = model_settings(own.state, assumes=found.assumes)
    if found is not PLAIN and settings.model is None:
        assert settings.reason is not None
        # In the file's own names: those are what its owner knows.
        told = re.sub(r"[\w.]+\.\w+", lambda m: own.theirs.get(m[0], m[0]), settings.reason)
        raise CheckpointError(
            f"{source}: no network here takes {found.title} of this kind: {told}"
            + _elsewhere(list(state))
        )
    return Conversion(
        state=own.state,
        layout=found,
        dropped=dict(own.dropped),
        settings=settings.model,
        assumes=settings.assumes,
    )


def _named(layout: str) -> Layout:
    if layout not in LAYOUTS:
        raise CheckpointError(f"layout {layout!r} is unknown{near(layout, [AUTO, *LAYOUTS])}")
    return LAYOUTS[layout]


def _recognise(state: Mapping[str, Tensor], source: str) -> Layout:
    if any(state[name].ndim == 4 for name in _STEMS if name in state):
        raise CheckpointError(
            f"{source}: a network of single images (a ResNet, TSN, TSM), which no network here is;"
            f" model.backbone.pretrained={source!r} inflates it over time"
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
