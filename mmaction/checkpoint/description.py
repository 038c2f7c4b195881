"""What a checkpoint says of its recognizer: all that it takes to use it, as JSON.

With it a checkpoint needs neither the config file that it was trained by nor the data set.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mmaction.errors import CheckpointError
from mmaction.version import __version__

META_KEY = "recognizer"
# Of training alone: where it starts from, as a file has weights of its own, and Mixup.
_OF_TRAINING = ("pretrained", "pretrained_stage", "init_cfg", "blending")


@dataclass(frozen=True)
class Layout:
    """What a network takes and gives, as a reader in another language needs to know it.

    Letters of axes: B clips, C colours, T frames, H×W pixels, h×w cells of a map, K classes.

    Attributes:
        input: Name of the one input.
        axes: Of the input: ``'BTHWC'`` of pixels, ``'BCTHW'`` of normalised clips.
        shape: Sizes along them; -1: any.
        dtype: ``'uint8'``: pixels, 0 to 255; ``'float32'``: clips less ``mean``, by ``std``.
        colors: The order along C.
        mean: Of each colour, on 0 to 255.
        std: Likewise.
        views: How many clips of a video have their answers averaged.
        outputs: Axes of each output by its name, in order: the fields of ``Prediction``.
    """

    input: str
    axes: str
    shape: tuple[int, ...]
    dtype: str
    colors: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    views: int
    outputs: dict[str, str]


@dataclass(frozen=True)
class Description:
    """A recognizer, ready to be built and fed.

    Attributes:
        model: Config of the network, without pretrained weights.
        pipeline: Configs of the transforms that make a test's clips; empty: none is known.
        classes: K class names, or None.
        custom_imports: Modules that register parts of the user's own.
        versions: Of this package and of torch, which wrote it.
        layout: Of published and exported networks.
    """

    model: dict[str, Any]
    pipeline: list[dict[str, Any]]
    classes: tuple[str, ...] | None = None
    custom_imports: tuple[str, ...] = ()
    versions: dict[str, str] = field(
        default_factory=lambda: {"mmaction": __version__, "torch": str(torch.__version__)}
    )
    layout: Layout | None = None

    def as_text(self) -> str:
        """JSON, for the metadata of a file."""
        return json.dumps(asdict(self))


def describe(
    cfg: Mapping[str, Any], classes: Sequence[str] | None, *, network: nn.Module | None = None
) -> Description:
    """A config's recognizer.

    Args:
        cfg: As a run has it; the pipeline is that of its test set, or of its validation set.
        classes: K class names.
        network: Built by the config: see ``self_contained``.
    """
    loader = cfg.get("test_dataloader") or cfg.get("val_dataloader") or {}
    pipeline = (loader.get("dataset") or {}).get("pipeline") or ()
    imports = (cfg.get("custom_imports") or {}).get("imports") or ()
    model = _plain(cfg["model"])
    return Description(
        model=model if network is None else self_contained(model, network),
        pipeline=[_plain(step) for step in pipeline],
        classes=None if classes is None else tuple(classes),
        custom_imports=(imports,) if isinstance(imports, str) else tuple(imports),
    )


def self_contained(model: Mapping[str, Any], network: nn.Module) -> dict[str, Any]:
    """A model's config that is built without a hub or a directory, as far as its backbone can.

    Args:
        model: The config.
        network: What was built by it.
    """
    of_backbone = getattr(getattr(network, "backbone", None), "self_contained", None)
    options: dict[str, Any] = {} if of_backbone is None else of_backbone()
    if not options:
        return dict(model)
    return {**model, "backbone": {**model["backbone"], **options}}


def _plain(value: Any) -> Any:
    """Plain data without what says where a training starts from."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items() if k not in _OF_TRAINING}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    return value


def _without_named_weights(model: dict[str, Any]) -> dict[str, Any]:
    """Without torchvision's name of the weights that a training began with."""
    backbone = model.get("backbone")
    if not isinstance(backbone, dict) or backbone.get("type") != "TorchvisionBackbone":
        return dict(model)
    return {**model, "backbone": {k: v for k, v in backbone.items() if k != "weights"}}


def _layout(*, shape: Sequence[int], outputs: Mapping[str, str], **others: Any) -> Layout:
    """From JSON, which has no tuples."""
    return Layout(shape=tuple(map(int, shape)), outputs=dict(outputs), **others)


def description_of(checkpoint: Mapping[str, Any], path: str | Path) -> Description | None:
    """What a checkpoint says of its recognizer; None where it says nothing.

    Args:
        checkpoint: From ``read_checkpoint``.
        path: What messages call it.

    Raises:
        CheckpointError: It can't be understood.
    """
    meta = checkpoint.get("meta")
    text = meta.get(META_KEY) if isinstance(meta, Mapping) else None
    if text is None:
        return None
    try:
        said = json.loads(text)
        classes, layout = said["classes"], said.get("layout")
        return Description(
            model=_without_named_weights(said["model"]),
            pipeline=[dict(step) for step in said["pipeline"]],
            classes=None if classes is None else tuple(map(str, classes)),
            custom_imports=tuple(map(str, said["custom_imports"])),
            versions=dict(said["versions"]),
            layout=None if layout is None else _layout(**layout),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as e:
        raise CheckpointError(f"checkpoint {path}: its meta.{META_KEY} is damaged") from e
