"""Computing what a frozen backbone makes of a training's clips, once."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from torch.utils.data import DataLoader

from mmaction.apis.train import check_start
from mmaction.datasets import ClipDataset, SampleKey, collate_clips
from mmaction.datasets.features import FeatureFile, clips_hash, network_hash
from mmaction.errors import ConfigError, DataError
from mmaction.files import require_writable
from mmaction.progress import Progress
from mmaction.readable_errors import readable_build_errors
from mmaction.registry import DATASETS, MODELS


@torch.no_grad()
def cache_features(cfg: Config, out: str | os.PathLike[str], *, views: int) -> FeatureFile:
    """Writes the features of the training set's clips; what is there already is kept.

    View v of a video is the clip that a training with the config's seed takes in epoch v.

    Args:
        cfg: From ``load_config``; its ``train_dataloader.dataset`` is that of clips.
        out: The file.
        views: V, augmented views of each video.

    Returns:
        The complete file.

    Raises:
        ConfigError: The backbone isn't frozen.
        DataError: ``out`` was made of something else.
        UserError: What a training of this config would end with, too.
    """
    if cfg.model.get("backbone", {}).get("frozen") is not True:
        raise ConfigError("model.backbone.frozen: expected True: only then features stay the same")
    if cfg.model.get("neck"):
        raise ConfigError("model.neck: features of several stages can't be cached; leave it out")
    if views < 1:
        raise ConfigError(f"--views {views}: expected 1 or more")
    check_start(cfg)
    require_writable(Path(out).parent, name="output directory")
    with readable_build_errors():
        dataset = DATASETS.build(cfg.train_dataloader.dataset)
        model: Any = MODELS.build(cfg.model)
    if not isinstance(dataset, ClipDataset):
        raise ConfigError("train_dataloader.dataset.type: expected a data set of clips")
    model.init_weights()
    model = model.to(get_device()).eval()
    made_from = {
        "clips": clips_hash(cfg.train_dataloader.dataset),
        "network": network_hash(model),
        "seed": str(_seed(cfg)),
    }
    file = _open(out, dataset, model, made_from, views=views, seed=_seed(cfg))
    keys = [SampleKey(n, epoch=v, seed=_seed(cfg)) for n, v in file.missing()]
    loader = cfg.train_dataloader
    parts = [keys[n : n + loader.batch_size] for n in range(0, len(keys), loader.batch_size)]
    workers = loader.get("num_workers", 0)
    batches = DataLoader(
        dataset, batch_sampler=parts, num_workers=workers, collate_fn=collate_clips
    )
    with Progress("features", len(keys), "views", stream=sys.stderr) as progress:
        for some, batch in zip(parts, batches, strict=True):
            clips = model.data_preprocessor(batch, training=False)["clips"]
            labels = [sample.label for sample in batch["samples"]]
            file.put(some, model.backbone(clips), labels)
            progress.advance(len(some))
    return file


def _seed(cfg: Config) -> int:
    return int((cfg.get("randomness") or {}).get("seed") or 0)


def _open(
    out: str | os.PathLike[str],
    dataset: ClipDataset,
    model: Any,
    made_from: dict[str, str],
    *,
    views: int,
    seed: int,
) -> FeatureFile:
    """The file that is there, or a new one, which a first clip says the sizes of."""
    if os.path.exists(out):
        file = FeatureFile(out, writable=True)
        differing = [k for k, v in made_from.items() if file.header["made_from"].get(k) != v]
        if file.labels.shape[1] != views:
            differing.append("views")
        if differing:
            raise DataError(
                f"'{out}' was made from other {', '.join(differing)}: name another file, or delete"
                " it"
            )
        return file
    if dataset.annotations.more_labels.size:
        raise DataError("features are cached with one label a video, and the list has several")
    first = collate_clips([dataset[SampleKey(0, seed=seed)]])
    clips = model.data_preprocessor(first, training=False)["clips"]
    if len(clips) != 1:
        raise ConfigError(f"the training pipeline gives {len(clips)} clips a video: expected one")
    return FeatureFile.create(
        out,
        shape=(len(dataset), views, *model.backbone(clips).shape[1:]),
        names=[dataset.name(n) for n in range(len(dataset))],
        labels=dataset.labels.tolist(),
        made_from=made_from,
    )


def use_clips(cfg: Config) -> None:
    """Has a training on cached features read the clips that they are of; others stay as they are.

    Args:
        cfg: From ``load_config``; changed in place. Its ``val_dataloader`` has the kind of clips.
    """
    dataset = cfg.train_dataloader.dataset
    if dataset.type == "FeatureDataset":
        dataset.type = cfg.val_dataloader.dataset.type
        dataset.pop("features", None)
