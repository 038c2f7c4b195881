"""Where and when a recognizer looks in given videos: a folder with a page to look at."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config

from mmaction.apis.evaluate import split_explainers
from mmaction.apis.recognizer import load_recognizer
from mmaction.datasets.batches import collate_clips
from mmaction.datasets.splits import class_names_of
from mmaction.datasets.transforms.pipeline import Pipeline
from mmaction.errors import ConfigError, DataError
from mmaction.explain import ExplanationWriter, write_gallery
from mmaction.explain.clip_video import shown_rate
from mmaction.explain.explainers import Explainer, build_explainer
from mmaction.explain.explanation import Explanation
from mmaction.explain.gallery import Entry
from mmaction.explain.records import ATTENTION, ClipExplanation
from mmaction.explain.writer import explain_views
from mmaction.files import require_writable
from mmaction.inference.sources import Video, open_path, packed
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.progress import Progress
from mmaction.readable_errors import readable_build_errors

TITLE = "Where and when it looked"


def visualize(
    cfg: Config,
    checkpoint: str | os.PathLike[str],
    videos: Sequence[str | os.PathLike[str]],
    *,
    out: str | os.PathLike[str],
    explainers: Sequence[str] = (ATTENTION,),
) -> list[Entry]:
    """Runs a recognizer on videos and writes what it looked at, and a page over all of them.

    Args:
        cfg: From ``load_config``; its test pipeline is used.
        checkpoint: Weights of the config's network.
        videos: Video files, and directories of numbered frames.
        out: Directory to write to; ``index.html`` there lists these videos alone.
        explainers: As ``build_explainer`` takes them, ``name`` or ``name:option=value,…``.

    Returns:
        What the page lists of each, in the order of the videos.

    Raises:
        UserError: For a video, checkpoint, config, explainer or directory that can't be used.
    """
    if not cfg.get("test_dataloader"):
        raise ConfigError("the config has no test_dataloader, whose pipeline is used")
    out = Path(out)
    built = named_explainers(explainers)
    opened = open_videos(videos)
    classes = class_names_of(cfg.test_dataloader.dataset, cfg.model.num_classes)
    with readable_build_errors():
        pipeline = Pipeline(cfg.test_dataloader.dataset.pipeline)
    model = load_recognizer(cfg, checkpoint)
    require_writable(out, name="--out")
    writer = ExplanationWriter(out_dir=out)
    with Progress("visualize", len(opened), "videos", stream=sys.stderr) as progress:
        for index, video in enumerate(opened):
            item = packed(video, pipeline)
            sample = replace(item["sample"], index=index, name=video.name)
            views = explain_item(model, {**item, "sample": sample}, built, classes=classes)
            writer.write(views, fps=shown_rate(video.fps, sample.frame_indices[0]))
            progress.advance()
    write_gallery(out, TITLE, entries=writer.entries, classes=classes)
    return writer.entries


def open_videos(paths: Sequence[str | os.PathLike[str]]) -> list[Video]:
    """Finds out what each path is, and names them so that no two are alike.

    Raises:
        DataError: A path that isn't there, holds no frames or can't be read as a video.
    """
    given = list(dict.fromkeys(Path(path) for path in paths))
    if not given:
        raise DataError("no video is given")
    return [
        open_path(path, name=name) for path, name in zip(given, unique_names(given), strict=True)
    ]


def unique_names(paths: Sequence[Path]) -> list[str]:
    """Last part of each path, ``a.mp4``, or all that is not common to them, ``x/a.mp4``."""
    # '..' has no place in the name of a directory to write to.
    paths = [Path(os.path.normpath(path.absolute())) for path in paths]
    alike = Counter(path.name for path in paths)
    common = os.path.commonpath([path.parent for path in paths])
    return [
        path.name if alike[path.name] == 1 else path.relative_to(common).as_posix()
        for path in paths
    ]


def named_explainers(given: Sequence[str]) -> dict[str, Explainer | None]:
    """By the name under which each is shown; ST-ABN's own attention needs no explainer."""
    built: dict[str, Explainer | None] = {}
    for spec in split_explainers(given):
        explainer = build_explainer(spec)
        name = explainer.name
        number = 1 + sum(known == name or known.startswith(f"{name}_") for known in built)
        # The same method with other options.
        built[name if number == 1 else f"{name}_{number}"] = (
            None if name == ATTENTION else explainer
        )
    if not built:
        raise ConfigError("--explainers names none; expected such as attention or grad_cam")
    return built


def explain_item(
    model: BaseRecognizer,
    item: dict[str, Any],
    explainers: Mapping[str, Explainer | None],
    *,
    classes: Sequence[str] | None,
) -> list[tuple[ClipExplanation, ...]]:
    """One video, as a data set gives it: its views, each explained by all methods.

    Args:
        model: The network.
        item: ``inputs`` uint8 V×T×H×W×3, ``color`` and ``sample``.
        explainers: By the names under which they are shown; None: the network's own attention.
        classes: K class names.
    """
    batch = model.data_preprocessor(collate_clips([item]))
    with torch.inference_mode():
        (result,) = model(batch["clips"], samples=batch["samples"], mode="predict")
    look: dict[str, Any] = dict(result=result, inputs=item["inputs"], classes=classes)
    views = []
    for name, explainer in explainers.items():
        if explainer is None:
            views.append(explain_views(**look))
        else:
            # One by one, which needs less memory than all at once.
            found = [explainer.explain(model, clip[None]) for clip in batch["clips"]]
            views.append(explain_views(**look, explanation=_join(found, method=name)))
    return list(zip(*views, strict=True))


def _join(found: Sequence[Explanation], *, method: str) -> Explanation:
    """Explanations of single clips as one of a batch."""
    return Explanation(
        spatial=torch.cat([each.spatial for each in found]),
        temporal=torch.cat([each.temporal for each in found]),
        method=method,
        target=torch.cat([each.target for each in found]),
    )
