"""From another code base's names to this project's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mmaction.convert.layouts import LAYOUTS, PLAIN, Layout
from mmaction.convert.settings import model_settings
from mmaction.errors import CheckpointError, near

AUTO = "auto"
SHOWN_NAMES = 3
_IMAGE_STEM = "conv1.weight"


@dataclass(frozen=True)
class Conversion:
    """A checkpoint in this project's names.

    Attributes:
        state: Weights by name.
        layout: Whose names they had.
        dropped: How many were left out, by the start of their names, such as ``necks.tpn``.
        settings: The ``model`` of a config for them; None where they don't tell. A ``Recognizer3D``
            also needs its ``clip_len``, which its weights do not depend on.
    """

    state: dict[str, Tensor]
    layout: Layout
    dropped: dict[str, int]
    settings: dict[str, Any] | None


def convert(state: Mapping[str, Tensor], *, layout: str = AUTO, source: str) -> Conversion:
    """Renames a checkpoint's weights.

    Args:
        state: Weights by name, without ``module.``.
        layout: One of ``LAYOUTS``, or ``'auto'`` to tell by the names.
        source: What messages call the checkpoint.

    Raises:
        CheckpointError: The names are not the layout's, or two become one.
    """
    found = _recognise(state, source) if layout == AUTO else _named(layout)
    renamed: dict[str, Tensor] = {}
    dropped: Counter[str] = Counter()
    unknown = []
    for name, value in state.items():
        try:
            own = found.rename(name)
        except KeyError:
            unknown.append(name)
            continue
        if own is None:
            dropped[".".join(name.split(".")[:2])] += 1
        elif own in renamed:
            raise CheckpointError(f"{source}: two weights become {own}, one of them {name}")
        else:
            renamed[own] = value
    if unknown:
        raise CheckpointError(
            f"{source}: {found.title} ({found.name}) has no weights named {_some(unknown)}"
        )
    _count_batches(renamed)
    settings = model_settings(renamed, final_relu=found.final_relu)
    return Conversion(state=renamed, layout=found, dropped=dict(dropped), settings=settings)


def _named(layout: str) -> Layout:
    if layout not in LAYOUTS:
        raise CheckpointError(f"layout {layout!r} is unknown{near(layout, [AUTO, *LAYOUTS])}")
    return LAYOUTS[layout]


def _recognise(state: Mapping[str, Tensor], source: str) -> Layout:
    image_stem = state.get(_IMAGE_STEM, state.get(f"backbone.{_IMAGE_STEM}"))
    if image_stem is not None and image_stem.ndim == 4:
        raise CheckpointError(
            f"{source}: a ResNet for images needs no conversion: "
            f"model.backbone.pretrained={source!r} inflates it over time "
            f"(--from {PLAIN.name} only writes it anew)"
        )
    for layout in LAYOUTS.values():
        if layout.recognises(state):
            return layout
    raise CheckpointError(
        f"{source}: of no code that is known here, its weights are named {_some(list(state))}; "
        f"--from {PLAIN.name} takes the names as they are"
    )


def _count_batches(state: dict[str, Tensor]) -> None:
    """Adds norms' counters of batches where they are missing: torch has them since 0.4.1."""
    for name in [n for n in state if n.endswith(".running_mean")]:
        state.setdefault(name.replace("running_mean", "num_batches_tracked"), torch.tensor(0))


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN_NAMES
    return ", ".join(names[:SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")
