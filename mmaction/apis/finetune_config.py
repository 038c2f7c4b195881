"""A readable config for videos of one's own: its numbers follow from the videos."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmaction.apis.finetune_network import Network
from mmaction.convert.python_text import as_python
from mmaction.dataprep.build import Line
from mmaction.inference.sources import open_path

LOOKED_AT = 20  # videos
SIDE = 128  # pixels of the clips, where the videos have as many
LONG_SEC = 5.0  # of videos that get 16 frames in place of 8
# Steps that a training gets: what came out well on small sets of real videos.
STEPS = {"frozen": 560, "fine-tuned": 350, "from scratch": 1400}
# The attention leaves most cells near zero: what reads them has to learn faster (docs/results.md).
LEARNS_FASTER = {name: dict(lr_mult=5.0) for name in ("attention_mechanism", "perception_branch")}
LEAST_EPOCHS, MOST_EPOCHS = 10, 200
USUAL_FPS = 25.0
# What a mirror turns into its opposite, in words of small letters.
_SIDED = re.compile(r"(?<![a-z])(left|right)(wards?)?(?![a-z])|clockwise")


@dataclass(frozen=True)
class Material:
    """The videos.

    Attributes:
        root: Directory of the class folders.
        classes: Names by label.
        train, val: How many there are to train on, and held out.
        files: Whether they are files, or directories of frames.
        seconds: How long one is, the median.
        width, height: Pixels of a frame, the medians.
    """

    root: str
    classes: Sequence[str]
    train: int
    val: int
    files: bool
    seconds: float
    width: int
    height: int

    @classmethod
    def of(
        cls, root: str, classes: Sequence[str], train: list[Line], val: list[Line], *, files: bool
    ) -> Material:
        """Looks at some of the videos.

        Raises:
            DataError: One can't be read.
        """
        some = train[:: -(-len(train) // LOOKED_AT)]
        opened = [open_path(Path(root, line.name)) for line in some]
        shapes = [next(v.source.frames(v.source_name, [0])).shape for v in opened]
        lengths = [v.total_frames / (v.fps or USUAL_FPS) for v in opened]
        height, width = (int(np.median([shape[axis] for shape in shapes])) for axis in (0, 1))
        return cls(
            root=root,
            classes=classes,
            train=len(train),
            val=len(val),
            files=files,
            seconds=float(np.median(lengths)),
            width=width,
            height=height,
        )


def side_of_clips(material: Material) -> int:
    """Pixels: ``SIDE``, or the multiple of 32 that the videos have."""
    return max(64, min(SIDE, min(material.width, material.height) // 32 * 32))


def config_text(
    material: Material,
    network: Network,
    *,
    lists: Path,
    features: Path | None,
    epochs: int | None,
    seed: int,
) -> str:
    """The config, a comment before each section that says where its numbers come from.

    Args:
        material: The videos.
        network: See ``finetune_network.choose_network``.
        lists: Directory of the lists.
        features: The file of a frozen backbone's features; None: it learns.
        epochs: In place of what follows from the number of videos.
        seed: Of the training.
    """
    how = "frozen" if features else "fine-tuned" if network.channels else "from scratch"
    size, batch = side_of_clips(material), max(2, min(8, material.train // 2))
    steps = -(-material.train // batch)
    chosen = epochs or min(MOST_EPOCHS, max(LEAST_EPOCHS, round(STEPS[how] / steps)))
    clip_len = 16 if material.seconds > LONG_SEC else 8
    sections: list[tuple[str, dict[str, Any]]] = [
        (
            f"ST-ABN on the videos of {material.root}: {material.train} to train on,"
            f" {material.val} held out, {len(material.classes)} classes.\nWritten by"
            f" tools/finetune.py; yours to change. The network is {how}.\n"
            f"{clip_len} frames, evenly over the video: half of the videos last more than"
            f" {material.seconds:.1f} s.",
            dict(model=_model(network, clip_len, len(material.classes))),
        ),
        (
            f"Frames have {material.width}×{material.height} pixels, clips {size}×{size}; {batch}"
            " videos a step." + _on_flips(material),
            _data(material, size=size, batch=batch, lists=lists, features=features),
        ),
        (
            f"{chosen} epochs of {steps} steps.",
            _schedule(network, how, chosen, steps),
        ),
        (
            "The last checkpoint is tested: the best on the held-out videos would be chosen by"
            " them.",
            _runtime(chosen, seed=seed, work_dir=lists / "run"),
        ),
    ]
    return "\n".join(
        "".join(f"# {line}\n" for line in comment.splitlines()) + as_python(section)
        for comment, section in sections
    )


def _model(network: Network, clip_len: int, classes: int) -> dict[str, Any]:
    model: dict[str, Any] = dict(type="STABN", num_classes=classes, clip_len=clip_len)
    if network.preprocessor:
        model["data_preprocessor"] = network.preprocessor
    model["backbone"] = network.backbone
    if network.channels is None:
        dropout = dict(dropout_ratio=0.0)
        return model | dict(attention_branch=dropout, perception_branch=dropout)
    stage = dict(type="PointwiseStage", in_channels=network.channels, out_channels=256)
    return model | dict(
        attention_branch=dict(type="EvidenceBranch", stage=stage),
        attention_mechanism=dict(gate="joint"),
        perception_branch=dict(stage=stage, dropout_ratio=0.0),
    )


def _runtime(epochs: int, *, seed: int, work_dir: Path) -> dict[str, Any]:
    kept = dict(type="TrainingCheckpointHook", interval=max(1, epochs // 10), max_keep_ckpts=1)
    return dict(
        evaluation=dict(interval=max(1, epochs // 5)),
        default_hooks=dict(logger=dict(type="LoggerHook", interval=20), checkpoint=kept),
        randomness=dict(seed=seed),
        work_dir=str(work_dir),
        env_cfg=dict(mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0)),
    )


def _has_sides(material: Material) -> bool:
    words = (re.sub("([a-z])([A-Z])", r"\1 \2", name).lower() for name in material.classes)
    return any(map(_SIDED.search, words))


def _on_flips(material: Material) -> str:
    return " Not mirrored: classes name sides or turns." if _has_sides(material) else ""


def _data(
    material: Material, *, size: int, batch: int, lists: Path, features: Path | None
) -> dict[str, Any]:
    aspect = material.width / material.height
    ratio = (round(aspect * 0.7, 2), round(aspect * 1.4, 2))
    train: list[dict[str, Any]] = [
        dict(type="SampleSegments", placement="random"),
        dict(type="DecodeFrames"),
        dict(type="RandomResizedCrop", size=size, scale=(0.5, 1.0), ratio=ratio),
        dict(type="Flip", prob=0.5),
        dict(type="ColorJitter", brightness=0.5, contrast=0.5, saturation=0.8, hue=0.2),
        dict(type="PackClips"),
    ]
    if _has_sides(material):
        del train[3]
    test = [
        dict(type="SampleSegments", placement="center"),
        dict(type="DecodeFrames"),
        dict(type="Resize", size=size),
        dict(type="PackClips"),
    ]
    kind = "VideoDataset" if material.files else "RawframeDataset"
    found: dict[str, Any] = {}
    for split, pipeline, sampler in (
        ("train", train, dict(shuffle=True)),
        ("val", test, dict(shuffle=False, round_up=False)),
    ):
        dataset = dict(type=kind, ann_file=str(lists / f"{split}.txt"), data_root=material.root)
        if split == "train" and features:
            dataset |= dict(type="FeatureDataset", features=str(features))
        workers = 0 if split == "train" and features else 2
        found[f"{split}_dataloader"] = dict(
            batch_size=batch,
            num_workers=workers,
            persistent_workers=split == "train" and workers > 0,
            collate_fn=dict(type="collate_clips"),
            sampler=dict(type="EpochSampler", **sampler),
            dataset=dict(dataset, pipeline=pipeline),
        )
    return found | dict(val_evaluator=dict(type="AccuracyMetric"))


def _schedule(network: Network, how: str, epochs: int, steps: int) -> dict[str, Any]:
    """One cycle where the branches alone, or all from random weights, learn; else as fine_tune."""
    optim_wrapper: dict[str, Any] = dict(
        type="TrainingOptimWrapper",
        optimizer=dict(type="AdamW", lr=3e-3, weight_decay=0.02),
        clip_grad=dict(max_norm=20),
    )
    units = dict(by_epoch=True, convert_to_iter_based=True)
    schedules: list[dict[str, Any]] = [
        dict(type="OneCycleLR", eta_max=3e-3, pct_start=0.2, **units)
    ]
    paramwise: dict[str, Any] = dict(custom_keys=dict(LEARNS_FASTER))
    if how != "from scratch":
        optim_wrapper["paramwise_cfg"] = paramwise
    if how == "fine-tuned":
        optim_wrapper["optimizer"] = dict(type="AdamW", lr=2e-3, weight_decay=0.05)
        paramwise["no_weight_decay"] = True
        paramwise["custom_keys"]["backbone"] = dict(lr_mult=0.1)
        if not network.backbone.get("frozen"):
            paramwise["layer_decay"] = 0.75
        warm_up = max(1, epochs // 10)
        schedules = [dict(type="CosineAnnealingLR", **units)]
        if warm_up * steps > 1 and epochs > 1:
            schedules[0]["begin"] = warm_up
            schedules.insert(0, dict(type="LinearLR", start_factor=0.01, end=warm_up, **units))
    return dict(
        optim_wrapper=optim_wrapper,
        param_scheduler=schedules,
        train_cfg=dict(type="ResumableTrainLoop", max_epochs=epochs),
        val_cfg=dict(),
        test_cfg=dict(),
    )
