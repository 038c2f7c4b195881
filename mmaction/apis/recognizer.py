"""A checkpoint as a network, and as a recognizer that takes videos."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log

from mmaction.apis.config import load_config
from mmaction.checkpoint.compatibility import fitting_weights, in_own_names, load_weights
from mmaction.checkpoint.description import (
    Description,
    describe,
    description_of,
    self_contained,
)
from mmaction.checkpoint.reading import read_checkpoint, require_undamaged
from mmaction.datasets.splits import class_names_of
from mmaction.datasets.transforms.pipeline import Pipeline
from mmaction.environment import tolerate_broken_torchvision
from mmaction.errors import CheckpointError, ConfigError, first_line
from mmaction.explain.records import ATTENTION
from mmaction.inference import VideoRecognizer, require_harmless
from mmaction.inference.backends import with_backend
from mmaction.inference.runtimes import SUFFIXES, RuntimeRecognizer, open_graph
from mmaction.models import BaseRecognizer
from mmaction.readable_errors import readable_build_errors
from mmaction.registry import MODELS

ConfigLike: TypeAlias = Config | str | os.PathLike[str]


def load(
    checkpoint: str | os.PathLike[str],
    *,
    config: ConfigLike | None = None,
    device: str | torch.device | None = None,
    compile: bool = False,
    precision: str = "fp32",
    trust: bool = False,
) -> VideoRecognizer:
    """A checkpoint or an exported model, ready to take videos.

    Args:
        checkpoint: Of a training, or of ``tools/publish_model.py``; or of ``tools/export.py``,
            ``.onnx``, ``.xml`` or ``.pt2``, which run on the CPU.
        config: For a checkpoint that doesn't describe its recognizer, or another than it says.
        device: Where the network runs; None: a GPU where there is one.
        compile: By ``torch.compile``, which takes a while at the first video.
        precision: ``'bf16'``: OpenVINO's ``.xml`` is computed in it, where the processor can.
        trust: Whether to run what the checkpoint names beyond this package's own parts: modules of
            ``custom_imports``, types by their import path, paths and addresses; and ``.pt2``, which
            torch reads in a way that can run code.

    Raises:
        CheckpointError: It is missing, broken, of another architecture, names what isn't trusted,
            or doesn't describe its recognizer and no config is given.
        ConfigError: The network or its pipeline can't be built.
    """
    tolerate_broken_torchvision()
    path = Path(checkpoint)
    if precision != "fp32" and path.suffix != ".xml":
        raise ConfigError(f"precision={precision!r}: OpenVINO's files (.xml) alone take it")
    if path.suffix in SUFFIXES:
        return _load_graph(path, precision=precision, trust=trust)
    content = read_checkpoint(path)
    said = description_of(content, path) if config is None else _described(config)
    if said is None:
        raise CheckpointError(
            f"checkpoint {path} doesn't describe its recognizer: give the config, too"
        )
    pipeline = _trusted_pipeline(said, path, trust=trust or config is not None)
    network = _network(said.model, content, path).to(device or get_device()).eval()
    said = replace(said, model=self_contained(said.model, network))
    if compile:
        network.compile()
    return VideoRecognizer(network=network, pipeline=pipeline, description=said)


def load_with_backend(
    checkpoint: str | os.PathLike[str],
    *,
    explainer: str = ATTENTION,
    backend: str = "auto",
    precision: str = "fp32",
    config: ConfigLike | None = None,
    device: str | torch.device | None = None,
    trust: bool = False,
) -> tuple[VideoRecognizer, str]:
    """``load``, then ``with_backend``: a recognizer, and what it runs on, in a few words.

    Args:
        checkpoint, config, device, trust: As of ``load``.
        explainer: What will be asked to explain. All but the attention may need gradients, which
            torch alone has: ``backend='auto'`` takes it for them.
        backend, precision: As of ``with_backend``.
    """
    recognizer = load(
        checkpoint,
        config=config,
        device=device,
        precision=precision if Path(checkpoint).suffix in SUFFIXES else "fp32",
        trust=trust,
    )
    if explainer != ATTENTION and backend == "auto":
        backend = "eager"
    return with_backend(recognizer, backend=backend, precision=precision)


def _load_graph(path: Path, *, precision: str, trust: bool) -> VideoRecognizer:
    if path.suffix == ".pt2" and not trust:
        raise CheckpointError(
            f"model {path}: refused, torch reads .pt2 in a way that can run code; if you trust who"
            " made it: trust=True, or --trust"
        )
    runtime, said = open_graph(path, precision=precision)
    pipeline = _trusted_pipeline(said, path, trust=trust)
    with readable_build_errors():
        network = RuntimeRecognizer(runtime=runtime, model=said.model).eval()
    return VideoRecognizer(network=network, pipeline=pipeline, description=said)


def _trusted_pipeline(said: Description, path: Path, *, trust: bool) -> Pipeline:
    """The transforms, once nothing is named that must not be built."""
    if not trust:
        require_harmless(said, path)
    for module in said.custom_imports:
        _import(module)
    if not said.pipeline:
        raise ConfigError(
            f"checkpoint {path}: no test set or validation set says how clips are made: give a"
            " config with test_dataloader"
        )
    with readable_build_errors():
        return Pipeline(said.pipeline)


def init_recognizer(
    config: ConfigLike,
    checkpoint: str | os.PathLike[str],
    device: str | torch.device | None = None,
) -> VideoRecognizer:
    """``load`` under mmaction2's name.

    Args:
        config: A config or its file.
        checkpoint: Weights of its network.
        device: Where the network runs; None: a GPU where there is one.
    """
    return load(checkpoint, config=config, device=device)


def inference_recognizer(model: VideoRecognizer, video: Any, **options: Any) -> Any:
    """A call of the recognizer under mmaction2's name.

    Args:
        model: From ``init_recognizer``.
        video: As a ``VideoRecognizer`` takes it.
        **options: Likewise.
    """
    return model(video, **options)


def load_recognizer(cfg: Config, checkpoint: str | os.PathLike[str]) -> BaseRecognizer:
    """Builds the config's network with the checkpoint's weights, on its device in eval mode.

    Raises:
        CheckpointError: It is missing, broken or of another architecture.
        ConfigError: The network can't be built, or computes other than the weights are for.
    """
    tolerate_broken_torchvision()
    path = Path(checkpoint)
    return _network(cfg.model, read_checkpoint(path), path).to(get_device()).eval()


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
    partly = bool(cfg.get("load_partly", False))
    _check_fit(cfg.model, read_checkpoint(path), path, strict=strict, partly=partly)


def _network(model: Mapping[str, Any], content: dict[str, Any], path: Path) -> BaseRecognizer:
    """On the CPU. What doesn't fit is found before memory is taken."""
    _check_fit(model, content, path, strict=True)
    with readable_build_errors():
        network: BaseRecognizer = MODELS.build(model)
    content, said = in_own_names(network, content, path)
    if said is not None:
        print_log(said, logger="current")
    load_weights(network, content, path, strict=True)
    return network


def _check_fit(model: Mapping[str, Any], content: dict[str, Any], path: Path, **how: bool) -> None:
    try:
        with readable_build_errors(), torch.device("meta"):
            planned = MODELS.build(model)
    except (RuntimeError, NotImplementedError):
        return  # it needs memory to be built: its weights are compared when they are loaded
    content, _ = in_own_names(planned, content, path)
    fitting_weights(planned, content, path, **how)


def _described(config: ConfigLike) -> Description:
    cfg = config if isinstance(config, Config) else load_config(config)
    loader = cfg.get("test_dataloader") or cfg.get("val_dataloader") or {}
    dataset = loader.get("dataset") or {}
    return describe(cfg, class_names_of(dataset, cfg.model.num_classes))


def _import(module: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError as e:
        raise ConfigError(f"custom_imports: {module!r}: {first_line(e)}") from e
