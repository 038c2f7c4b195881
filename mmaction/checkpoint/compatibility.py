"""Telling a checkpoint made for another network from one that fits, and keeping ours plain data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from mmaction.checkpoint.assumptions import (
    META_KEY,
    disagreements,
    kept_assumptions,
    require_assumptions,
)
from mmaction.checkpoint.layouts import LAYOUTS, PLAIN, recognised
from mmaction.checkpoint.renaming import of_clips, renamed
from mmaction.errors import CheckpointError

SHOWN_DIFFERENCES = 3
# Whose networks' strides no weight tells.
_GUESSED = [
    name for name, layout in LAYOUTS.items() if layout.assumes is None and layout is not PLAIN
]


def differences(model: nn.Module, state: Mapping[str, Tensor]) -> list[str]:
    """One phrase for each weight that is missing, of another shape, or unknown to ``model``."""
    own = model.state_dict()
    found = []
    for name, value in own.items():
        if name not in state:
            found.append(f"{name} is missing")
        elif state[name].shape != value.shape:
            found.append(
                f"{name} is {tuple(state[name].shape)} there, {tuple(value.shape)} in this network"
            )
    return found + [f"{name} is unknown to this network" for name in state if name not in own]


def require_same_architecture(
    model: nn.Module, state: Mapping[str, Tensor], path: str | Path
) -> None:
    """Refuses weights that do not fit ``model`` one for one.

    Args:
        model: The network.
        state: The weights, by its names.
        path: Where they are from, for messages.

    Raises:
        CheckpointError: Names the first differing keys and shapes.
    """
    found = differences(model, state)
    if found:
        raise CheckpointError(f"checkpoint {path} is of another architecture: {_some(found)}")


def _some(phrases: list[str]) -> str:
    more = len(phrases) - SHOWN_DIFFERENCES
    return "; ".join(phrases[:SHOWN_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")


def require_training_state(checkpoint: Mapping[str, Any], path: str | Path) -> None:
    """Refuses to resume from a file that holds weights alone.

    Raises:
        CheckpointError: Names what is missing.
    """
    meta = checkpoint.get("meta")
    meta = meta if isinstance(meta, Mapping) else {}
    missing = [key for key in ("epoch", "iter") if key not in meta]
    missing += [key for key in ("optimizer", "message_hub") if key not in checkpoint]
    if missing:
        raise CheckpointError(
            f"checkpoint {path}: can't be resumed, it holds no {', '.join(missing)}; "
            "--load-from starts a training from its weights"
        )


def in_own_names(
    model: nn.Module, checkpoint: Mapping[str, Any], path: str | Path
) -> tuple[dict[str, Any], str | None]:
    """A checkpoint of other code in this project's names, if that is what ``model`` needs.

    Args:
        model: The network.
        checkpoint: With ``state_dict``.
        path: Where it is from, for messages.

    Returns:
        The checkpoint, unchanged where its names are the network's own; and what was done.

    Raises:
        CheckpointError: Two of its weights become one.
    """
    state, own = checkpoint["state_dict"], model.state_dict().keys()
    layout = recognised(state)
    if layout is None:
        return dict(checkpoint), None
    found = renamed(state, layout, source=path)
    found.state = of_clips(found.state) if layout is not PLAIN else found.state
    if len(own & found.state.keys()) <= len(own & state.keys()):
        return dict(checkpoint), None
    said = f"{path}: {layout.title}, its weights are renamed"
    if found.dropped:
        said += f", {found.dropped.total()} left out: {layout.why_unused}"
    if layout.assumes is None:
        said += "; strides and pools are taken to be the config's, no weight tells them"
    rest = {name: state[name] for name in found.unknown}
    meta = {META_KEY: dict(layout.assumes or {})}
    return {**checkpoint, "state_dict": {**found.state, **rest}, "meta": meta}, said


def fitting_weights(
    model: nn.Module,
    checkpoint: Mapping[str, Any],
    path: str | Path,
    *,
    strict: bool,
    partly: bool = False,
) -> tuple[dict[str, Tensor], str | None]:
    """What of a checkpoint's weights ``model`` takes: all (``strict``) or what fits.

    Args:
        model: The network, which may be on ``meta``.
        checkpoint: From ``read_checkpoint``.
        path: What messages call it.
        strict: They have to fit one for one, and be for what the network computes.
        partly: Otherwise, take also less than half of the network's parameters.

    Returns:
        Weights by name; and what is not among them, or is for another network, in one line.

    Raises:
        CheckpointError: See ``require_same_architecture``; or they fill less than half.
        ConfigError: See ``require_assumptions``.
    """
    state, assumed = checkpoint["state_dict"], kept_assumptions(checkpoint)
    if strict:
        require_same_architecture(model, state, path)
        meta = checkpoint.get("meta")
        guessed = isinstance(meta, Mapping) and meta.get("layout") in _GUESSED
        require_assumptions(model, assumed, path, guessed=guessed)
        return state, None
    own, differing = model.state_dict(), differences(model, state)
    fitting = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    sizes = {name: p.numel() for name, p in model.named_parameters()}
    filled, total = sum(n for name, n in sizes.items() if name in fitting), sum(sizes.values())
    counts = f"{filled:,} of {total:,} parameters"
    if 2 * filled < total and not partly:
        raise CheckpointError(
            f"checkpoint {path} is of another architecture: it fills {counts} ({_some(differing)});"
            " --cfg-options load_partly=True takes what fits, model.backbone.pretrained the weights"
            " of a ResNet, into the branches' stages too"
        )
    lines = [f"it is for {phrase}" for phrase in disagreements(model, assumed)]
    if differing:
        kept, unused = len(own) - len(fitting), len(state.keys() - own.keys())
        lines.append(
            f"fills {counts}; {kept} weights differ and keep their start values, {unused} of the"
            f" file have no place here, such as: {_some(differing)}"
        )
    return fitting, f"{path}: {'; '.join(lines)}" if lines else None


def load_weights(
    model: nn.Module, checkpoint: Mapping[str, Any], path: str | Path, **how: bool
) -> str | None:
    """Loads a checkpoint's weights, as ``fitting_weights`` says, and returns its line."""
    weights, said = fitting_weights(model, checkpoint, path, **how)
    model.load_state_dict(weights, strict=False)
    return said
