"""Many videos, decoded by other processes while the network runs, and their answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.utils.data import DataLoader

from mmaction.datasets.transforms.pipeline import Pipeline
from mmaction.errors import ConfigError, TransientError, first_line
from mmaction.files import unreadable
from mmaction.inference.recognition import Recognition
from mmaction.inference.recognizer import Explain, VideoRecognizer
from mmaction.inference.sources import Video, open_path, packed


class Decoded(NamedTuple):
    """A video as a worker hands it over: what the pipeline packs of it, or what is wrong."""

    path: str
    item: dict[str, Any] | None = None
    video: Video | None = None
    error: str | None = None


def _decoded(path: str, pipeline: Pipeline) -> Decoded:
    try:
        video = open_path(Path(path))
        return Decoded(path, packed(video, pipeline), video)
    except (ConfigError, TransientError):  # no video's fault
        raise
    except MemoryError:
        raise TransientError(f"video '{path}': memory ran out while it was decoded") from None
    except OSError as e:
        error = unreadable(f"video '{path}'", e)
        if isinstance(error, TransientError):
            raise error from None
        return Decoded(path, error=str(error))
    except Exception as e:  # noqa: BLE001 - a decoder raises anything of a damaged file
        return Decoded(path, error=first_line(e))


def _batch(paths: Sequence[str], pipeline: Pipeline) -> list[Decoded]:
    return [_decoded(path, pipeline) for path in paths]


def decoded_batches(
    paths: Sequence[str],
    pipeline: Pipeline,
    *,
    batch_size: int,
    num_workers: int,
    worker_init_fn: Callable[[int], None] | None = None,
) -> DataLoader[Decoded]:
    """Lists of decoded videos, in order.

    Args:
        paths: Video files and directories of frames.
        pipeline: The transforms that make clips.
        batch_size: Videos of a list.
        num_workers: Processes that decode; 0: this one does.
        worker_init_fn: What each of them calls first.
    """
    return DataLoader(
        paths,  # type: ignore[arg-type]  # a list serves as a data set
        batch_size=batch_size,
        num_workers=num_workers,
        collate_fn=partial(_batch, pipeline=pipeline),
        worker_init_fn=worker_init_fn,
        pin_memory=torch.cuda.is_available(),
    )


def answered(
    decoded: Sequence[Decoded], recognizer: VideoRecognizer, *, explain: Explain = False
) -> Iterator[tuple[Decoded, Recognition | None]]:
    """Each video with its answer; None: it has none.

    Args:
        decoded: Videos.
        recognizer: Whose pipeline they are made by.
        explain: As of the recognizer's call.
    """
    items = [each.item for each in decoded if each.item is not None]
    videos = [each.video for each in decoded if each.video is not None]
    answers = iter(recognizer.answers(items, videos, explain))
    for each in decoded:
        yield each, None if each.item is None else next(answers)
