"""From class folders of videos to a trained, tested and explained network."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmaction.apis.cache_features import cache_features, use_clips
from mmaction.apis.config import load_config
from mmaction.apis.console import accuracy_table
from mmaction.apis.finetune_config import Material, config_text, side_of_clips
from mmaction.apis.finetune_network import choose_network
from mmaction.apis.test import TestOutcome, test
from mmaction.apis.train import train
from mmaction.dataprep.build import match, summary, write_lists
from mmaction.dataprep.media import MediaRoot, file_root, frame_root
from mmaction.dataprep.own_data import list_folders
from mmaction.environment import tolerate_broken_torchvision
from mmaction.errors import ConfigError, DataError, first_line
from mmaction.evaluation import ScoreTable
from mmaction.files import atomic_path, require_writable

CONFIG, RECORD, FEATURES, SCORES = "config.py", "finetune.json", "features", "scores.pkl"
EXPLANATIONS, RUN = "explanations", "run"


@dataclass(frozen=True)
class Choices:
    """What a network is made from.

    Attributes:
        videos: Directory of class folders, of video files or of directories of frames.
        backbone: See ``finetune_network.choose_network``.
        weights: Likewise.
        frozen: Train the branches alone, on features that are computed once.
        views: Augmented views of a video that these are computed of.
        group_by: Which videos belong to one side: see ``dataprep.drawn_split``.
        val_share: Of each class to be held out.
        epochs: None: by the number of videos.
        seed: Of the split and the training.
    """

    videos: str
    backbone: str
    weights: str | None = None
    frozen: bool = False
    views: int = 32
    group_by: str | None = None
    val_share: float = 0.25
    epochs: int | None = None
    seed: int = 0


def finetune(choices: Choices, work_dir: str | os.PathLike[str], *, jobs: int = 1) -> TestOutcome:
    """Splits, trains, tests and explains, and says where everything is.

    Called again with the same choices, it goes on: lists and config that are there stay as they
    are, features and training continue.

    Args:
        choices: See there.
        work_dir: Where all of it goes.
        jobs: Processes that count frames.

    Returns:
        Of the held-out videos.

    Raises:
        UserError: For videos, weights, choices or a directory that can't be used.
        TrainingStopped: A signal asked for the end; the training is saved.
    """
    tolerate_broken_torchvision()
    folder = Path(work_dir).absolute()
    config = folder / CONFIG
    if (folder / RECORD).exists():
        _require_same(choices, folder)
    if (folder / RECORD).exists() and config.exists():
        print(f"goes on in {folder}, by its config.py", flush=True)
    else:
        prepare(choices, folder, jobs=jobs)
    if choices.frozen:
        _cache(config, folder / FEATURES, views=choices.views)
    cfg = load_config(config, {"resume_from": "auto"})
    train(cfg)
    checkpoint = folder / RUN / f"epoch_{cfg.train_cfg.max_epochs}.pth"
    outcome = test(
        load_config(config),
        checkpoint,
        out=folder / SCORES,
        metrics=("top1", "mean_class"),
        explanations=folder / EXPLANATIONS,
    )
    print(_report(outcome, folder, checkpoint), flush=True)
    return outcome


def prepare(choices: Choices, folder: Path, *, jobs: int) -> None:
    """Writes lists, classes and config, the record of the choices before the config.

    Raises:
        UserError: See ``finetune``; nothing is written then.
    """
    if (folder / CONFIG).exists() and not (folder / RECORD).exists():
        raise ConfigError(
            f"{folder / CONFIG} is there and was not written by this command: take another"
            " --work-dir"
        )
    if choices.epochs is not None and choices.epochs < 1:
        raise ConfigError(f"--epochs {choices.epochs}: expected 1 or more")
    media, files = _find(choices.videos, jobs=jobs)
    listing = list_folders(
        {"train": media, "val": media},
        draw=True,
        classes=None,
        val_share=choices.val_share,
        seed=choices.seed,
        group_by=choices.group_by,
    )
    if len(listing.classes) < 2:
        raise DataError(
            f"'{choices.videos}' has one class folder, '{listing.classes[0]}': expected two or more"
        )
    lists, report = match(listing, {"train": media, "val": media})
    print("\n".join(summary(report)), flush=True)
    for split in ("train", "val"):
        if not lists.get(split):
            raise DataError(f"'{choices.videos}': no video is left for {split}.txt")
    if missing := report.splits["train"].classes_without_videos:
        raise DataError(f"'{choices.videos}': class '{missing[0]}' has no video to train on")
    root = os.path.abspath(choices.videos)
    material = Material.of(root, listing.classes, lists["train"], lists["val"], files=files)
    network = choose_network(
        choices.backbone,
        weights=choices.weights and os.path.abspath(choices.weights),
        frozen=choices.frozen,
        size=side_of_clips(material),
    )
    text = config_text(
        material,
        network,
        lists=folder,
        features=folder / FEATURES if choices.frozen else None,
        epochs=choices.epochs,
        seed=choices.seed,
    )
    require_writable(folder, name="--work-dir")
    write_lists(folder, listing.classes, lists, report)
    for name, content in ((RECORD, json.dumps(_told(choices), indent=2) + "\n"), (CONFIG, text)):
        with atomic_path(folder / name) as path:
            path.write_text(content, encoding="utf-8")
    print("\n".join(line for line in text.splitlines() if line.startswith("#")), flush=True)


def _find(videos: str, *, jobs: int) -> tuple[MediaRoot, bool]:
    """The videos, and whether they are files."""
    if not os.path.isdir(videos):
        raise DataError(f"'{videos}' is not a directory")
    try:
        return file_root(videos, jobs=jobs), True
    except DataError:
        try:
            return frame_root(videos, jobs=jobs), False
        except DataError as e:
            raise DataError(
                f"'{videos}' holds no videos: expected CLASS/VIDEO.mp4, or CLASS/VIDEO/ with a"
                f" file a frame; {first_line(e)}"
            ) from e


def _told(choices: Choices) -> dict[str, Any]:
    paths = dict(videos=os.path.abspath(choices.videos))
    if choices.weights:
        paths["weights"] = os.path.abspath(choices.weights)
    return asdict(choices) | paths


def _require_same(choices: Choices, folder: Path) -> None:
    """Refuses to go on with other videos or choices."""
    before = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    for key, value in _told(choices).items():
        if before.get(key) != value:
            raise ConfigError(
                f"{folder} was begun with {key}={before.get(key)!r}, not {value!r}: give the same,"
                " or take another --work-dir"
            )


def _cache(config: Path, features: Path, *, views: int) -> None:
    """Computes what is missing of the features, by the config's clips."""
    cfg = load_config(config)
    use_clips(cfg)
    cache_features(cfg, features, views=views)


def _report(outcome: TestOutcome, folder: Path, checkpoint: Path) -> str:
    assert outcome.table is not None
    config = folder / CONFIG
    lines = [
        f"{len(outcome.table.names)} held-out videos",
        accuracy_table(outcome.metrics),
        *_by_class(outcome.table, (folder / "classes.txt").read_text(encoding="utf-8").split("\n")),
        f"config       {config}",
        f"weights      {checkpoint}",
        f"scores       {folder / SCORES}",
        f"explanations {folder / EXPLANATIONS / 'index.html'}",
        "next",
        f"  python tools/visualize.py {config} {checkpoint} VIDEO --out look",
        f"  python tools/train_recognizer.py {config} --work-dir ANOTHER",
    ]
    return "\n".join(lines)


def _by_class(table: ScoreTable, names: list[str]) -> list[str]:
    """How many of each class's videos the perception branch names right."""
    right = table.scores.argmax(axis=1) == table.labels
    return [
        f"  {names[label]:<24}{right[table.labels == label].sum()} of"
        f" {(table.labels == label).sum()}"
        for label in np.unique(table.labels)
    ]
