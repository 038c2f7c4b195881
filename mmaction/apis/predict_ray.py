"""Predictions by the processes of a Ray cluster: whoever dies, its videos go to another."""

from __future__ import annotations

import importlib.util
import json
import logging
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmaction.apis.prediction_files import Row
from mmaction.errors import ConfigError, UserError, first_line
from mmaction.inference import VideoRecognizer

if TYPE_CHECKING:
    from mmaction.apis.predict import PredictOptions

BATCHES = 4  # that a process takes at a time, and that are made again where it dies


def require_ray(launcher: str) -> None:
    """Refuses what can't be, before any work.

    Raises:
        ConfigError: Ray isn't there, or torchrun has started processes.
    """
    if launcher != "none":
        raise ConfigError("--engine ray starts processes itself: leave out torchrun, --launcher")
    if importlib.util.find_spec("ray") is None:
        raise ConfigError("--engine ray needs Ray: pip install 'ray[data]'")


class Predictor:
    """A process of the cluster: loads the model once, and predicts what it is given.

    Args:
        model: As of ``predict``.
        top: How many classes a row names.
        options: As of ``predict``.
        directory: What relative paths begin at.
    """

    def __init__(self, model: str, top: int, options: PredictOptions, directory: str) -> None:
        os.chdir(directory)
        self.model, self.top, self.options = Path(model), top, options
        self.recognizer: VideoRecognizer | None = None

    def __call__(self, given: dict[str, Any]) -> dict[str, Any]:
        """From ``video``, a path and a name in JSON, to ``row``, a ``Row`` or an error in JSON."""
        from mmaction.apis.predict import load_for, predicted_rows

        names = dict(json.loads(str(video)) for video in given["video"])
        try:
            if self.recognizer is None:
                self.recognizer, _ = load_for(self.model, self.options)
            batches = list(
                predicted_rows(
                    list(names), names, self.recognizer, top=self.top, options=self.options
                )
            )
        except UserError as e:  # Ray would make pages of it
            return {"row": np.array([json.dumps(str(e))])}
        return {"row": np.array([json.dumps(row) for rows in batches for row in rows])}


def predicted_by_ray(
    paths: Sequence[str],
    names: Mapping[str, str],
    model: str | os.PathLike[str],
    *,
    top: int,
    options: PredictOptions,
) -> Iterator[list[Row]]:
    """Predicts videos in the cluster that ``RAY_ADDRESS`` names, in one on this machine, or a new.

    Args:
        paths: Of the videos; its machines share a file system.
        names: What each is called on the pages.
        model: As of ``predict``.
        top: How many classes a row names.
        options: How.

    Yields:
        Rows as they come, each video's once.

    Raises:
        UserError: What a process of it says can't be used.
    """
    import ray
    import ray.data

    if not paths:
        return
    imported = [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
    ray.init(
        runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, imported))}},
        logging_level=logging.ERROR,
        log_to_driver=False,
        ignore_reinit_error=True,
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    videos = [{"video": json.dumps([path, names[path]])} for path in paths]
    blocks = math.ceil(len(videos) / (options.batch_size * BATCHES))
    predicted = ray.data.from_items(videos, override_num_blocks=blocks).map_batches(
        Predictor,
        fn_constructor_args=(os.fspath(model), top, options, os.getcwd()),
        batch_size=None,
        **_places(options),
    )
    try:
        for batch in predicted.iter_batches(batch_size=None, prefetch_batches=0):
            found = [json.loads(str(row)) for row in batch["row"]]
            for row in found:
                if isinstance(row, str):
                    raise UserError(row)
            yield found
    except ray.exceptions.RayError as e:
        raise UserError(f"a process of the Ray cluster has failed: {first_line(e)}") from e
    finally:
        ray.shutdown()


def _places(options: PredictOptions) -> dict[str, Any]:
    """How many processes there are, and what each takes of the cluster."""
    import ray.data

    there = ray.cluster_resources()
    gpus = 0 if options.device == "cpu" or not there.get("GPU") else 1
    cpus = min(1 + options.num_workers, there.get("CPU", 1))
    room = int(there["GPU"] if gpus else there.get("CPU", 1) // cpus)
    size = options.gpus or max(1, room)
    # One at a time: what waits behind a long video is taken by others.
    pool = ray.data.ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=1)
    return dict(compute=pool, num_cpus=cpus, num_gpus=gpus)
