"""A network that is taught by edits of its attention, before and after."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config

from mmaction.apis.cache_features import use_clips
from mmaction.apis.config import complete_config, drop_validation
from mmaction.apis.evaluate import choose_videos
from mmaction.apis.recognizer import load_recognizer
from mmaction.apis.train import train
from mmaction.datasets import ClipDataset, collate_clips
from mmaction.errors import ConfigError, DataError
from mmaction.explain import ExplanationWriter, explain_views, write_gallery
from mmaction.explain.measures.ground_truth import clip_ground_truth
from mmaction.explain.measures.localization import localization
from mmaction.explain.measures.table import write_json
from mmaction.explain.measures.truth_files import GroundTruth
from mmaction.files import atomic_path, require_writable
from mmaction.readable_errors import readable_build_errors
from mmaction.registry import DATASETS
from mmaction.structures import VideoResult

EDITED, REPORT, PAGE, RUN = "edited.txt", "edits_report.json", "page", "run"
_HALF = 128  # of a mask's 255


@dataclass(frozen=True, kw_only=True)
class EditTraining:
    """How a network is taught.

    Attributes:
        epochs: Over the training set and the edited videos.
        lr: The highest rate of a one-cycle schedule; None: the config's.
        share: Of the edited clips among those of an epoch, in (0, 1).
        spatial: ``loss_weights.guidance_spatial``.
        temporal: ``loss_weights.guidance_temporal``.
        swap: ``model.swap_surroundings``.
        branches_only: Leave the backbone as it is.
        videos: Of the test set, as many are measured; of each class equally many.
        shown: Of these, as many are on the page, beside the edited ones.
        tolerance_px: Of pointing, in pixels.
    """

    epochs: int = 4
    lr: float | None = None
    share: float = 0.5
    spatial: float = 10.0
    temporal: float = 5.0
    swap: float = 1.0
    branches_only: bool = False
    videos: int = 240
    shown: int = 24
    tolerance_px: float = 4.0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.videos < 1 or not 0 < self.share < 1:
            raise ConfigError("expected --epochs and --videos of 1 or more, --share in (0, 1)")


def finetune_edits(
    cfg: Config,
    checkpoint: str | os.PathLike[str],
    edits: str | os.PathLike[str],
    *,
    work_dir: str | os.PathLike[str],
    how: EditTraining,
) -> dict[str, Any]:
    """Trains by edits, and says what that changed.

    Args:
        cfg: From ``load_config``; its training set has the edited videos.
        checkpoint: Weights to begin with.
        edits: See ``datasets.edits``.
        work_dir: For the training, a page of both, and ``edits_report.json``.
        how: See there.

    Returns:
        ``checkpoint``, the new one; ``before`` and ``after``, measures by their names; ``moved``.

    Raises:
        UserError: For a config, checkpoint, edits or a directory that can't be used.
    """
    folder = Path(work_dir)
    require_writable(folder, name="--work-dir")
    with readable_build_errors():
        training, tested = _with_edits(cfg, edits, folder, how)
        edited = DATASETS.build(_seen_as_tested(cfg, training))
        test_set = DATASETS.build(tested)
    numbers = {edited.name(n): n for n in range(len(edited))}
    looks = [
        (edited, [numbers[name] for name in edited.edits]),
        (test_set, choose_videos(test_set.labels, how.videos, 0)),
    ]
    before = _answers(cfg, checkpoint, looks)
    train(training)
    new = folder / RUN / f"epoch_{how.epochs}.pth"
    after = _answers(cfg, new, looks)
    report: dict[str, Any] = {"checkpoint": os.fspath(new), "edited": len(edited.edits)}
    for name, answers in (("before", before), ("after", after)):
        report[name] = _measures(looks, answers, how.tolerance_px)
    report["moved"] = _moved(before[1], after[1])
    write_json(report, folder / REPORT)
    _write_page(folder / PAGE, looks, before, after, how.shown)
    return report


def _with_edits(
    cfg: Config, edits: str | os.PathLike[str], folder: Path, how: EditTraining
) -> tuple[Config, Any]:
    """The training's config, its lists of edited videos written, and the test set's."""
    if not cfg.get("train_dataloader") or not cfg.get("test_dataloader"):
        raise ConfigError("the config needs train_dataloader and test_dataloader")
    training = copy.deepcopy(cfg)
    use_clips(training)
    dataset = training.train_dataloader.dataset
    dataset.edits = os.fspath(edits)
    known: ClipDataset = DATASETS.build(dataset)
    if not known.edits:
        raise DataError(f"edits '{edits}' are of no video")
    lists = known.annotations
    members = [n for n in range(len(known)) if known.name(n) in known.edits]
    roots = dataset.data_root
    roots = [roots] * len(lists.files) if isinstance(roots, str) else list(roots)
    files, all_roots, repeats = list(lists.files), list(roots), [1] * len(lists.files)
    repeat = max(1, round(len(known) * how.share / (1 - how.share) / len(members)))
    for file_id, file in enumerate(lists.files):
        lines = Path(file).read_text(encoding="utf-8").splitlines(keepends=True)
        own = {int(lists.lines[n]) - 1 for n in members if lists.file_ids[n] == file_id}
        if own:
            files.append(os.fspath(folder / f"{file_id}_{EDITED}"))
            with atomic_path(files[-1]) as path:
                text = "".join(f"{lines[n].rstrip()}\n" for n in sorted(own))
                path.write_text(text, encoding="utf-8")
            all_roots.append(roots[file_id])
            repeats.append(repeat)
    dataset.update(ann_file=files, data_root=all_roots, repeat=repeats)
    if known.classes is not None:
        dataset.classes = list(known.classes)
    _schedule(training, folder, how)
    return training, cfg.test_dataloader.dataset


def _schedule(cfg: Config, folder: Path, how: EditTraining) -> None:
    """What of the training is not its data."""
    weights = dict(guidance_spatial=how.spatial, guidance_temporal=how.temporal)
    cfg.model.loss_weights = dict(cfg.model.get("loss_weights") or {}) | weights
    cfg.model.swap_surroundings = how.swap
    if how.branches_only:
        cfg.model.backbone.frozen = True
    optimizer = cfg.optim_wrapper.optimizer
    optimizer.lr = how.lr or optimizer.lr
    cycle = dict(type="OneCycleLR", eta_max=optimizer.lr, pct_start=0.2)
    cfg.param_scheduler = [dict(cycle, by_epoch=True, convert_to_iter_based=True)]
    cfg.train_cfg = dict(type="ResumableTrainLoop", max_epochs=how.epochs)
    cfg.default_hooks.checkpoint = dict(type="TrainingCheckpointHook", interval=how.epochs)
    cfg.work_dir = os.fspath(folder / RUN)
    drop_validation(cfg)
    cfg.evaluation = None
    complete_config(cfg)


def _seen_as_tested(cfg: Config, training: Config) -> Any:
    """The edited videos, as the test pipeline takes them."""
    dataset = copy.deepcopy(training.train_dataloader.dataset)
    dataset.update(pipeline=cfg.test_dataloader.dataset.pipeline, repeat=1)
    return dataset


Looks = Sequence[tuple[ClipDataset, Sequence[int]]]
Answers = list[list[VideoResult]]


def _answers(cfg: Config, checkpoint: str | os.PathLike[str], looks: Looks) -> Answers:
    model = load_recognizer(cfg, checkpoint)
    found = []
    for dataset, indices in looks:
        items = (dataset[index] for index in indices)
        with torch.inference_mode():
            found.append([model.test_step(collate_clips([item]))[0] for item in items])
    if found[0][0].spatial_attention is None:
        raise ConfigError("edits teach attention: the config's network has none; take STABN")
    return [[_on_cpu(result) for result in results] for results in found]


def _on_cpu(result: VideoResult) -> VideoResult:
    items = vars(result).items()
    kept: dict[str, Any] = {key: v for key, v in items if isinstance(v, torch.Tensor)}
    return replace(result, **{key: value.float().cpu() for key, value in kept.items()})


def _measures(looks: Looks, answers: Answers, tolerance_px: float) -> dict[str, float]:
    """By name; what can't be known is left out."""
    (_, _), (test_set, indices) = looks
    edited, tested = answers
    found: dict[str, list[float]] = {}

    def put(name: str, value: Any) -> None:
        found.setdefault(name, []).append(float(value))

    for index, result in zip(indices, tested, strict=True):
        label, where, when = result.sample.label, *_maps(result)
        if label is not None:
            put("accuracy", result.scores.argmax() == label)
            if result.attention_scores is not None:
                put("accuracy of the attention branch", result.attention_scores.argmax() == label)
        try:
            truth = clip_ground_truth(test_set, index, view=len(result.sample.frame_indices) // 2)
        except DataError:
            continue
        pointed = localization(where, when, truth, tolerance_px=tolerance_px)
        put("pointing", pointed["pointing"])
    for result in edited:
        guidance, (where, when) = result.sample.guidance, _maps(result)
        assert guidance is not None
        look, away = guidance.spatial[len(guidance.spatial) // 2] >= _HALF
        truth = GroundTruth(look, look.any(axis=(1, 2)))
        put("edited: pointing", localization(where, when, truth)["pointing"])
        truth = GroundTruth(away, away.any(axis=(1, 2)))
        put("edited: attention astray", localization(where, when, truth)["energy"])
    return {name: float(np.nanmean(v)) for name, v in found.items() if not np.isnan(v).all()}


def _maps(result: VideoResult) -> tuple[np.ndarray, np.ndarray]:
    """A_s, T×h×w, and A_t, T, of the middle view."""
    assert result.spatial_attention is not None
    assert result.temporal_attention is not None
    view = len(result.spatial_attention) // 2
    return (
        result.spatial_attention[view].double().numpy(),
        result.temporal_attention[view].double().numpy(),
    )


def _moved(before: Sequence[VideoResult], after: Sequence[VideoResult]) -> dict[str, float]:
    """What changed in the test set: answers, and where the attention lies.

    ``attention`` is the share of A_s·A_t that lies elsewhere: half of Σ |p − q| over the cells of a
    clip, p and q each of sum 1; a mean over the videos.
    """
    pairs = list(zip(before, after, strict=True))
    said = [(int(a.scores.argmax()), int(b.scores.argmax()), b.sample.label) for a, b in pairs]
    shares = []
    for pair in pairs:
        joint = [where * when[:, None, None] for where, when in map(_maps, pair)]
        p, q = (each / max(each.sum(), 1e-12) for each in joint)
        shares.append(np.abs(p - q).sum() / 2)
    return dict(
        videos=len(pairs),
        answers=sum(a != b for a, b, _ in said),
        corrected=sum(a != label == b for a, b, label in said),
        spoiled=sum(a == label != b for a, b, label in said),
        attention=float(np.mean(shares)),
    )


def _write_page(out: Path, looks: Looks, before: Answers, after: Answers, shown: int) -> None:
    """One player a video, after and before beside each other; the edited ones, then others."""
    writer = ExplanationWriter(out_dir=out)
    classes = looks[1][0].classes
    for group, (dataset, indices) in enumerate(looks):
        for number, index in enumerate(indices[: None if group == 0 else shown]):
            inputs = dataset[index]["inputs"]
            views = []
            for name, answers in (("after", after), ("before", before)):
                result = answers[group][number]
                made = explain_views(result, inputs, classes=classes)
                # What it answered then stands beside its map.
                target = int(result.scores.argmax())
                views.append([replace(each, method=name, target=target) for each in made])
            writer.write(list(zip(*views, strict=True)))
    title = "Before and after the edits"
    write_gallery(out, title, entries=writer.entries, classes=classes, ranked=True)
