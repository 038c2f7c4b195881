"""Samples of a data set as the network is given them, for a person to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.config import Config

from mmaction.build_errors import readable_build_errors
from mmaction.datacheck.sample_page import SampleCard, VideoCard, render_page
from mmaction.datacheck.sample_sheet import colored, draw_sheet
from mmaction.datasets import ClipDataset, SampleKey
from mmaction.datasets.splits import dataset_configs
from mmaction.errors import ConfigError, DataError
from mmaction.files import atomic_path, require_writable
from mmaction.registry import DATASETS

PAGE = "index.html"


@dataclass(frozen=True)
class Choice:
    """Which samples are shown.

    Attributes:
        split: ``'train'``, ``'val'`` or ``'test'``.
        indices: Videos by their position in the split; None: ``number`` of them, drawn.
        number: Of videos, >= 1; all where there are fewer.
        epoch: The first epoch whose samples are shown, >= 0.
        repeats: Epochs shown, one after the other, >= 1.
        seed: Of the run, and of the drawing of videos, >= 0.
    """

    split: str = "train"
    indices: tuple[int, ...] | None = None
    number: int = 12
    epoch: int = 0
    repeats: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for key, low in (("number", 1), ("epoch", 0), ("repeats", 1), ("seed", 0)):
            if getattr(self, key) < low:
                raise ConfigError(f"--{key} {getattr(self, key)}: expected {low} or more")


@dataclass(frozen=True)
class Browsed:
    """What was written.

    Attributes:
        page: The page's path.
        samples: How many are shown.
        failed: How many can't be read; the page says why.
    """

    page: Path
    samples: int
    failed: int


def browse_dataset(cfg: Config, out: str, choice: Choice, *, name: str = "config") -> Browsed:
    """Write a sheet a sample and one page with all of them, ``index.html``, into ``out``.

    The same arguments and data give the same files, bit for bit.

    Args:
        cfg: From ``load_config``.
        out: Directory, made where it is missing.
        choice: Which samples.
        name: Of the config, for the page's heading.

    Raises:
        ConfigError: No such split, no such video, or a place that can't be written to.
        DataError: The data set can't be opened.
    """
    dataset = _build(cfg, choice.split, name)
    indices = _indices(dataset, choice)
    require_writable(out, name="--out")
    videos = [_browse_video(dataset, index, choice, Path(out)) for index in indices]
    samples = [sample for video in videos for sample in video.samples]
    page = Path(out, PAGE)
    with atomic_path(page) as draft:
        draft.write_text(
            render_page(
                videos,
                title=f"{name}: {choice.split}",
                summary=_summary(dataset, len(indices), choice),
            ),
            encoding="utf-8",
            errors="replace",
        )
    failed = sum(bool(sample.error) for sample in samples)
    return Browsed(page, samples=len(samples) - failed, failed=failed)


def _build(cfg: Config, split: str, name: str) -> ClipDataset:
    config = dict(dataset_configs(cfg)).get(split)
    if config is None:
        raise ConfigError(f"--split {split}: {name} has no {split}_dataloader")
    with readable_build_errors():
        dataset = DATASETS.build(config)
    if not isinstance(dataset, ClipDataset):
        raise ConfigError(f"{split}_dataloader: {type(dataset).__name__} is no data set of clips")
    return dataset


def _indices(dataset: ClipDataset, choice: Choice) -> Sequence[int]:
    if choice.indices is None:
        count = min(choice.number, len(dataset))
        chosen = np.random.default_rng(choice.seed).choice(len(dataset), count, replace=False)
        return sorted(chosen.tolist())
    for index in choice.indices:
        if not 0 <= index < len(dataset):
            videos = f"{choice.split} has videos 0 to {len(dataset) - 1}"
            raise ConfigError(f"--index {index}: {videos}")
    return choice.indices


def _summary(dataset: ClipDataset, videos: int, choice: Choice) -> str:
    last = choice.epoch + choice.repeats - 1
    epochs = f"epoch {choice.epoch}" if choice.repeats == 1 else f"epochs {choice.epoch} to {last}"
    return f"{videos} of {len(dataset)} videos, {epochs}, seed {choice.seed}"


def _browse_video(dataset: ClipDataset, index: int, choice: Choice, out: Path) -> VideoCard:
    epochs = range(choice.epoch, choice.epoch + choice.repeats)
    samples = [_browse_sample(dataset, SampleKey(index, e, choice.seed), out) for e in epochs]
    return VideoCard(
        name=dataset.name(index),
        where=dataset.annotations.where(index),
        index=index,
        frames=int(dataset.annotations.frames[index]),
        label=_label(dataset, dataset.annotations.label(index)),
        samples=tuple(samples),
    )


def _browse_sample(dataset: ClipDataset, key: SampleKey, out: Path) -> SampleCard:
    try:
        item = dataset[key]
    except DataError as error:
        return SampleCard(epoch=key.epoch, error=str(error))
    sample, color = item["sample"], item["color"]
    annotated = _label(dataset, dataset.annotations.label(sample.index))
    label = _label(dataset, sample.label)
    views = colored(item["inputs"], color)
    shown = label if label == annotated else f"{label} (annotated: {annotated})"
    sheet = draw_sheet(
        views,
        sample.frame_indices,
        title=sample.name,
        subtitle=f"video {sample.index}, epoch {key.epoch}, seed {key.seed}, {shown}",
    )
    file = f"video_{key.index:06d}_epoch_{key.epoch:03d}.png"
    _, png = cv2.imencode(".png", sheet[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 3])
    with atomic_path(out / file) as draft:
        draft.write_bytes(png.tobytes())  # unlike imwrite, raises where the disk is full
    return SampleCard(
        epoch=key.epoch,
        sheet=file,
        shape=views.shape[:4],
        label=label,
        relabelled=label != annotated,
        recolored=not torch.equal(color, torch.eye(3, 4)),
        taken_for=tuple((bad.name, bad.reason) for bad in sample.replaces),
        name=sample.name,
        numbers=tuple(tuple(row) for row in sample.frame_indices.tolist()),
    )


def _label(dataset: ClipDataset, label: int | None) -> str:
    if label is None:
        return "no label"
    if dataset.classes is None:
        return f"class {label}"
    return f"{dataset.classes[label]} ({label})"
