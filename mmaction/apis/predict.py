"""What many videos show: decoded beside the network, a row a video, to be interrupted at will."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import barrier, broadcast_object_list, get_dist_info, is_main_process

from mmaction.apis.predict_ray import predicted_by_ray, require_ray
from mmaction.apis.prediction_files import Row, Rows, bad_row, check_table, write_table
from mmaction.apis.recognizer import ConfigLike, load_with_backend
from mmaction.apis.visualize import unique_names
from mmaction.engine.distributed import join_processes
from mmaction.engine.signals import ignore_group_signals
from mmaction.errors import ConfigError, UserError
from mmaction.explain import ExplanationWriter, write_gallery
from mmaction.explain.clip_video import shown_rate
from mmaction.explain.gallery import Entry
from mmaction.explain.records import ATTENTION
from mmaction.files import sha256_of
from mmaction.inference import Recognition, VideoRecognizer
from mmaction.inference.decoding import Decoded, answered, decoded_batches
from mmaction.inference.listing import find_paths
from mmaction.inference.recognizer import Explain
from mmaction.progress import Progress
from mmaction.readable_errors import readable_loader_errors

TITLE = "What the videos show, and where and when it looked"
DIGITS = 6  # of probabilities
PATIENCE_SEC = 86400.0  # that processes wait for the slowest of them


@dataclass(frozen=True)
class PredictOptions:
    """How videos are predicted.

    Attributes:
        top: How many classes a row names.
        batch_size: Videos that go through the network at once.
        num_workers: Processes that decode; 0: this one does.
        backend: As of ``load_with_backend``.
        precision: Likewise.
        device: As of ``mmaction.load``.
        explain: Directory for pages of where and when the network looked; None: none.
        explainer: What makes their maps.
        config: As of ``mmaction.load``.
        trust: Likewise.
        launcher: ``'pytorch'`` where torchrun has started several processes, or ``'none'``.
        engine: ``'local'``: these processes do the work; ``'ray'``: those of a Ray cluster.
        gpus: How many of a Ray cluster's processes, one a GPU where there are any; None: all.
    """

    top: int = 5
    batch_size: int = 8
    num_workers: int = 2
    backend: str = "auto"
    precision: str = "fp32"
    device: str | None = None
    explain: str | os.PathLike[str] | None = None
    explainer: str = ATTENTION
    config: ConfigLike | None = None
    trust: bool = False
    launcher: str = "none"
    engine: str = "local"
    gpus: int | None = None

    def __post_init__(self) -> None:
        """Raises ConfigError for a number that can't be."""
        for name, least in (("top", 1), ("batch_size", 1), ("num_workers", 0)):
            value = getattr(self, name)
            if value < least:
                raise ConfigError(f"--{name.replace('_', '-')} {value}: expected {least} or more")

    @property
    def asked(self) -> Explain:
        """``explain`` of the recognizer's calls."""
        return False if self.explain is None else self.explainer


@dataclass(frozen=True)
class Predicted:
    """How a prediction ended.

    Attributes:
        videos: How many there are.
        bad: How many of them can't be read.
    """

    videos: int
    bad: int


def predict(
    model: str | os.PathLike[str],
    sources: Sequence[str | os.PathLike[str]],
    *,
    out: str | os.PathLike[str],
    options: PredictOptions | None = None,
) -> Predicted:
    """Predicts videos and writes a table, a row a video.

    Interrupted, the same call goes on where it stopped. Several processes share the videos; all
    call it, and the table is the same.

    Args:
        model: As ``mmaction.load`` takes it.
        sources: As ``find_paths`` takes them.
        out: ``.csv``, ``.json`` or ``.parquet``.
        options: How.

    Raises:
        UserError: For a model, option or directory that can't be used. A video that can't be read
            is a row with its error.
    """
    options = options or PredictOptions()
    out = Path(out)
    check_table(out)
    if by_ray := options.engine == "ray":
        require_ray(options.launcher)
    join_processes(options.launcher, dict(timeout=PATIENCE_SEC))
    rank, world = get_dist_info()
    shared: list[Any] = [find_paths(sources) if is_main_process() else None]
    broadcast_object_list(shared)
    (paths,) = shared
    recognizer, title = load_for(Path(model), options)
    top = min(options.top, len(recognizer.classes))
    rows = Rows(out, rank=rank)
    shared = [None]
    if is_main_process():
        print(f"backend {title}", flush=True)
        rows.begin(_settings(Path(model), recognizer, title, options))
        done = rows.read()
        shared = [[path for path in paths if path not in done]]
    broadcast_object_list(shared)
    own = shared[0][rank::world]
    names = dict(zip(paths, unique_names([Path(path) for path in paths]), strict=True))
    predicted = (
        predicted_by_ray(own, names, model, top=top, options=options)
        if by_ray
        else predicted_rows(own, names, recognizer, top=top, options=options)
    )
    with Progress("predict", len(own), "videos", stream=sys.stderr) as progress:
        for found in predicted:
            rows.add(found)
            if is_main_process():
                progress.advance(len(found))
    barrier()
    if is_main_process():
        shared = [_finish(rows, paths, out, names, recognizer, top=top, options=options)]
    broadcast_object_list(shared)
    return Predicted(videos=len(paths), bad=shared[0])


def load_for(path: Path, options: PredictOptions) -> tuple[VideoRecognizer, str]:
    """Its answer to a black video shows what can't work before anything is written."""
    found = load_with_backend(
        path,
        explainer=options.explainer if options.explain is not None else ATTENTION,
        backend=options.backend,
        precision=options.precision,
        config=options.config,
        device=options.device,
        trust=options.trust,
    )
    black = np.zeros((found[0].network.clip_len, 240, 320, 3), np.uint8)
    found[0](black, explain=options.asked)
    return found


def _settings(
    path: Path, recognizer: VideoRecognizer, title: str, options: PredictOptions
) -> dict[str, str]:
    """What rows follow from, by what it is called."""
    files = [file for file in (path, path.with_suffix(".bin")) if file.is_file()]
    digests = [sha256_of(file)[:16] for file in files]
    description = recognizer.description.as_text().encode()
    return {
        "the model of SHA-256": " ".join(digests),
        "a description of SHA-256": hashlib.sha256(description).hexdigest()[:16],
        "backend": title.partition(",")[0].partition(" (")[0],
        "--top": str(options.top),
        "--explain": str(options.explain),
        "--explainer": options.explainer,
    }


def predicted_rows(
    paths: Sequence[str],
    names: Mapping[str, str],
    recognizer: VideoRecognizer,
    *,
    top: int,
    options: PredictOptions,
) -> Iterator[list[Row]]:
    """Predicts videos, batch by batch, and writes their pages.

    Args:
        paths: Of the videos.
        names: What each is called on the pages.
        recognizer: From ``load_for``.
        top: How many classes a row names.
        options: How.
    """
    writer = None if options.explain is None else ExplanationWriter(out_dir=Path(options.explain))
    if not paths:
        return
    loader = decoded_batches(
        paths,
        recognizer.pipeline,
        batch_size=options.batch_size,
        num_workers=options.num_workers,
        worker_init_fn=ignore_group_signals,
    )
    with readable_loader_errors():
        for decoded in loader:
            found = []
            for each, answer in answered(decoded, recognizer, explain=options.asked):
                found.append(_row(each, answer, top))
                if writer is not None and answer is not None:
                    shown = answer.explanation(name=names[each.path])
                    fps = None if each.video is None else each.video.fps
                    writer.write([[shown]], fps=shown_rate(fps, answer.frame_indices))
            yield found


def _row(decoded: Decoded, answer: Recognition | None, top: int) -> Row:
    if answer is None:
        return bad_row(decoded.path, str(decoded.error))
    if not np.isfinite(answer.probabilities).all():
        raise UserError("the model's scores are no finite numbers: its training has diverged")
    classes = [(label, round(value, DIGITS)) for label, value in answer.top(top)]
    seconds = answer.seconds
    return Row(
        path=decoded.path,
        label=classes[0][0],
        probability=classes[0][1],
        top=classes,
        frames=answer.frame_indices.tolist(),
        seconds=None if seconds is None else [round(float(s), 3) for s in seconds],
        error=None,
    )


def _finish(
    rows: Rows,
    paths: Sequence[str],
    out: Path,
    names: dict[str, str],
    recognizer: VideoRecognizer,
    *,
    top: int,
    options: PredictOptions,
) -> int:
    """Writes the table and the page; returns how many videos are bad."""
    found = rows.read()
    ordered = [found[path] for path in paths]
    if options.explain is not None:
        entries = [
            Entry(
                name=names[row["path"]],
                folder=names[row["path"]],
                label=None,
                prediction=recognizer.classes.index(row["label"]),
                probability=row["probability"],
            )
            for row in ordered
            if row["label"] is not None
        ]
        write_gallery(Path(options.explain), TITLE, entries=entries, classes=recognizer.classes)
    write_table(out, ordered, top=top)
    rows.finish()
    return sum(row["error"] is not None for row in ordered)
