"""Samples of a data set as the network is given them, for a person to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor

from mmaction.datasets import ClipDataset, SampleKey
from mmaction.datasets.splits import dataset_configs
from mmaction.errors import ConfigError, DataError
from mmaction.explain.gallery import Entry, Sample, write_gallery
from mmaction.explain.sheet import render_frames, write_png
from mmaction.files import require_writable
from mmaction.ops import affine_clips
from mmaction.readable_errors import readable_build_errors
from mmaction.registry import DATASETS


class Browsed(NamedTuple):
    """What was written."""

    page: Path
    samples: int  # shown
    failed: int  # can't be read; the page says why


def browse_dataset(
    cfg: Config,
    out: str,
    *,
    split: str = "train",
    indices: Sequence[int] | None = None,
    number: int = 12,
    epoch: int = 0,
    repeats: int = 1,
    seed: int = 0,
    name: str = "config",
) -> Browsed:
    """Write a sheet a view of each sample and a page of all, ``index.html``, into ``out``.

    The same arguments and data give the same files, bit for bit.

    Args:
        cfg: From ``load_config``.
        out: Directory, made where it is missing.
        split: ``'train'``, ``'val'`` or ``'test'``.
        indices: Videos by their position in the split; None: ``number`` of them, drawn.
        number: Of videos, >= 1; all where there are fewer.
        epoch: The first epoch whose samples are shown, >= 0.
        repeats: Epochs shown, one after the other, >= 1.
        seed: Of the run, and of the drawing of videos, >= 0.
        name: Of the config, for the page's heading.

    Raises:
        ConfigError: No such split, no such video, a number out of range, or a place that can't be
            written to.
        DataError: The data set can't be opened.
    """
    given = (("number", number, 1), ("epoch", epoch, 0), ("repeats", repeats, 1), ("seed", seed, 0))
    for key, value, low in given:
        if value < low:
            raise ConfigError(f"--{key} {value}: expected {low} or more")
    dataset = _build(cfg, split, name)
    if indices is None:
        drawn = np.random.default_rng(seed)
        count = min(number, len(dataset))
        indices = sorted(drawn.choice(len(dataset), count, replace=False).tolist())
    for index in indices:
        if not 0 <= index < len(dataset):
            raise ConfigError(f"--index {index}: {split} has videos 0 to {len(dataset) - 1}")
    require_writable(out, name="--out")
    keys = [[SampleKey(i, epoch + n, seed) for n in range(repeats)] for i in indices]
    videos = [_browse_video(dataset, of_video, Path(out)) for of_video in keys]
    last = epoch + repeats - 1
    epochs = f"epoch {last}" if repeats == 1 else f"epochs {epoch} to {last}"
    summary = f"{len(indices)} of {len(dataset)} videos, {epochs}, seed {seed}"
    title = f"{name}: {split}"
    page = write_gallery(
        out, title, entries=videos, classes=dataset.classes, summary=summary, ranked=True
    )
    samples = [sample for video in videos for sample in video.samples]
    shown = sum(bool(sample.pictures) for sample in samples)
    return Browsed(page, samples=shown, failed=len(samples) - shown)


def _build(cfg: Config, split: str, name: str) -> ClipDataset:
    config = dict(dataset_configs(cfg)).get(split)
    if config is None:
        raise ConfigError(f"--split {split}: {name} has no {split}_dataloader")
    with readable_build_errors():
        dataset = DATASETS.build(config)
    if not isinstance(dataset, ClipDataset):
        raise ConfigError(f"{split}_dataloader: {type(dataset).__name__} is no data set of clips")
    return dataset


def _browse_video(dataset: ClipDataset, keys: Sequence[SampleKey], out: Path) -> Entry:
    index = keys[0].index
    samples = [_browse_sample(dataset, key, out) for key in keys]
    label = dataset.annotations.label(index)
    facts = (
        ("class", _label(dataset, label)),
        ("frames", str(dataset.annotations.frames[index])),
        ("video", str(index)),
        ("annotation", dataset.annotations.where(index)),
    )
    return Entry(dataset.name(index), f"video_{index:06d}", label, facts=facts, samples=samples)


def _browse_sample(dataset: ClipDataset, key: SampleKey, out: Path) -> Sample:
    title = f"epoch {key.epoch}"
    try:
        item = dataset[key]
    except DataError as error:
        return Sample(title, errors=[f"can’t be read: {error}"])
    sample, color = item["sample"], item["color"]
    views = colored(item["inputs"], color)
    annotated = dataset.annotations.label(sample.index)
    label = _label(dataset, sample.label)
    common = [("class", label), ("video", f"{key.index}, {title}, seed {key.seed}")]
    if sample.label != annotated:
        common.append(("annotated", _label(dataset, annotated)))
    length, height, width = views.shape[1:4]
    common.append(("given to the network", f"{length} frames, {width}×{height} pixels"))
    pictures = []
    for number, (frames, indices) in enumerate(zip(views, sample.frame_indices, strict=True), 1):
        view = f"view {number} of {len(views)}"
        facts = [*common, ("view", f"{number} of {len(views)}")] if len(views) > 1 else common
        suffix = f"_view_{number:02d}" if len(views) > 1 else ""
        file = f"video_{key.index:06d}_epoch_{key.epoch:03d}{suffix}.png"
        write_png(render_frames(frames, indices, name=sample.name, facts=facts), out / file)
        shown = f"frames {', '.join(map(str, indices.tolist()))}"
        pictures.append((file, f"{view}, {shown}" if len(views) > 1 else shown))
    notes = [f"class becomes {label}"] if sample.label != annotated else []
    if not torch.equal(color, torch.eye(3, 4)):
        notes.append("colours changed")
    replaced = [
        f"shows {sample.name} in place of {bad.name}, which can’t be read: {bad.reason}"
        for bad in sample.replaces
    ]
    return Sample(title, pictures, notes, replaced)


def colored(inputs: Tensor, color: Tensor) -> np.ndarray:
    """A sample's pixels with its colour map applied, rounded and clipped, not normalised.

    Args:
        inputs: uint8 RGB, V×T×H×W×3.
        color: float32, 3×4, affine map of RGB in 0..255.

    Returns:
        uint8 RGB, V×T×H×W×3.
    """
    clips = affine_clips(inputs, color.expand(len(inputs), 3, 4).contiguous())
    pixels: np.ndarray = clips.permute(0, 2, 3, 4, 1).numpy()
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def _label(dataset: ClipDataset, label: int | None) -> str:
    if label is None:
        return "no label"
    if dataset.classes is None:
        return f"class {label}"
    return f"{dataset.classes[label]} ({label})"
