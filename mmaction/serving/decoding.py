"""Clips of an uploaded video, each video's made in a process of its own that has limits.

Whatever a file does to a decoder, it does it there: the process is ended by its limits of memory
and time, or by the crash, and the request is refused. What comes back is numbers and texts, read
without pickles. It is no sandbox: the process has the rights of the server.
"""

from __future__ import annotations

import asyncio
import json
import math
import multiprocessing
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch

from mmaction.datasets.transforms.pipeline import Pipeline
from mmaction.errors import UserError
from mmaction.inference.sources import FrameList, Video, open_path, packed
from mmaction.inference.windows import spans_of, windows_of
from mmaction.serving.limits import FORMATS, MEGABYTE, MOST_PARTS, Limits, Refused
from mmaction.structures import ClipSample

CLIPS, REFUSAL = "clips.npz", "refusal.json"


@dataclass(frozen=True)
class Decoded:
    """An uploaded video.

    Attributes:
        video: Its name, length and rate; its frames are gone.
        items: As ``packed`` makes them: of the whole video, then of its parts.
        seconds: Begin and end of what each item is of; None: the rate isn't known.
    """

    video: Video
    items: list[dict[str, Any]]
    seconds: list[tuple[float, float]] | None


class Decoder:
    """Decodes videos, a few at a time, each in its process.

    Args:
        pipeline: The transforms that make clips.
        limits: Of a video and of its process.
    """

    def __init__(self, pipeline: Pipeline, limits: Limits) -> None:
        self.pipeline, self.limits = pipeline, limits
        self._free = asyncio.Semaphore(limits.decoders)
        # Its processes are copies of one that has all imported and runs no thread of the network's.
        self._context = multiprocessing.get_context("forkserver")
        # The command comes first: a checkout's says where this package lies.
        self._context.set_forkserver_preload(["__main__", __name__])

    async def start(self) -> None:
        """Waits until the first process has come and gone."""
        await self._run(int, (), seconds=None)

    async def __call__(self, path: Path, *, name: str, window_sec: float | None = None) -> Decoded:
        """Makes a video's clips.

        Args:
            path: The file, in a directory for it alone.
            name: What messages call it.
            window_sec: Length of the parts that are made beside the whole; None: no parts.

        Raises:
            Refused: It is no video, beyond a limit, or can't be decoded.
        """
        given = (path, name, self.pipeline, self.limits, window_sec)
        async with self._free:
            code = await self._run(_decode, given, seconds=self.limits.decode_seconds)
        refusal, clips = path.with_name(REFUSAL), path.with_name(CLIPS)
        if refusal.exists():
            raise Refused(**json.loads(refusal.read_text(encoding="utf-8")))
        if code is None:
            raise Refused(422, f"{name}: decoding takes over {self.limits.decode_seconds:g} s")
        if code or not clips.exists():
            raise Refused(422, f"{name}: decoding failed, or went beyond its memory or time")
        return await asyncio.to_thread(_read, clips, name)

    async def _run(self, work: Any, given: tuple[Any, ...], *, seconds: float | None) -> int | None:
        """Exit code of a process, None if it was ended for being late."""
        process = self._context.Process(target=work, args=given, daemon=True)
        process.start()
        ended, loop = asyncio.Event(), asyncio.get_running_loop()
        loop.add_reader(process.sentinel, ended.set)
        try:
            await asyncio.wait_for(ended.wait(), seconds)
        except asyncio.TimeoutError:
            return None
        finally:
            loop.remove_reader(process.sentinel)
            if not ended.is_set():
                process.kill()
            process.join()
            code = process.exitcode
            process.close()
        return code


def _decode(
    path: Path, name: str, pipeline: Pipeline, limits: Limits, window_sec: float | None
) -> None:
    """The process: writes the clips, or the reason why there are none, beside the video."""
    _limit_process(limits)
    try:
        _require_plain_video(path, limits)
        video = open_path(path, name=name)
        times = np.empty(0) if video.times is None else video.times
        _require_short(times[-1] if len(times) else 0, limits)
        made = list(_items(video, pipeline, window_sec))
        indices = [item["sample"].frame_indices + first for first, _, item in made]
        motions = [item["sample"].motions for _, _, item in made]
        np.savez(
            path.with_name(CLIPS),
            inputs=np.stack([item["inputs"].numpy() for _, _, item in made]),
            color=np.stack([item["color"].numpy() for _, _, item in made]),
            regions=np.stack([item["regions"] for _, _, item in made]),
            frame_indices=np.stack(indices),
            motions=np.stack([() if moved is None else moved for moved in motions]),
            spans=np.array([(first, first + length) for first, length, _ in made]),
            total_frames=video.total_frames,
            times=times,
            fps=video.fps or math.nan,
        )
    except MemoryError:
        said = f"decoding takes over {limits.decode_megabytes:g} MiB of memory"
        _write_refusal(path, 422, f"{name}: {said}")
    except UserError as e:
        said = str(e).replace(f"video '{path}'", name).replace(str(path), name)
        said = said if name in said else f"{name}: {said}"
        _write_refusal(path, getattr(e, "status", 422), said)


def _write_refusal(path: Path, status: int, message: str) -> None:
    text = json.dumps({"status": status, "message": message})
    path.with_name(REFUSAL).write_text(text, encoding="utf-8")


def _limit_process(limits: Limits) -> None:
    torch.set_num_threads(1)
    memory = int(limits.decode_megabytes * MEGABYTE)
    statm = Path("/proc/self/statm")
    if statm.exists():  # elsewhere than on Linux the address space can't be limited
        own = int(statm.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (own + memory, own + memory))
    seconds = math.ceil(limits.decode_seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _require_plain_video(path: Path, limits: Limits) -> None:
    """Refuses formats that reach for other files, and what the file's head says is too much."""
    options = {"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "file"}
    try:
        with av.open(str(path), options=options, metadata_errors="ignore") as container:
            stream = container.streams.best("video")
            if stream is None or stream.codec_context is None:
                raise Refused(415, "it has no video stream of a known codec")
            codec = stream.codec_context.codec.canonical_name
            pixels = stream.codec_context.width * stream.codec_context.height
            seconds = (container.duration or 0) / av.time_base
    except MemoryError:
        raise
    except (av.FFmpegError, OSError):
        raise Refused(
            415, f"it is damaged, cut short or no video; formats: {', '.join(FORMATS)}"
        ) from None
    if codec not in limits.codecs:
        raise Refused(415, f"codec {codec}; those taken: {', '.join(limits.codecs)}")
    if pixels > limits.pixels:
        raise Refused(422, f"{pixels} pixels a frame; at most {limits.pixels} are taken")
    _require_short(seconds, limits)


def _require_short(seconds: float, limits: Limits) -> None:
    if seconds > limits.seconds:
        raise Refused(422, f"{seconds:.1f} s long; at most {limits.seconds:g} s are taken")


def _items(
    video: Video, pipeline: Pipeline, window_sec: float | None
) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """First frame, length and clips of the whole, and of its parts where it has several."""
    yield 0, video.total_frames, packed(video, pipeline)
    if window_sec is None or video.times is None:
        return
    lengths = dict(window_sec=window_sec, stride_sec=window_sec)
    count = len(spans_of(video, **lengths))
    if count == 1:
        return
    if count > MOST_PARTS:
        raise Refused(
            422, f"window_sec={window_sec:g} makes {count} parts, of {MOST_PARTS} at most"
        )
    for window in windows_of(video, pipeline, **lengths):
        yield window.first, window.length, window.item


def _read(path: Path, name: str) -> Decoded:
    with np.load(path, allow_pickle=False) as found:
        fps, times = float(found["fps"]), found["times"]
        total, spans = int(found["total_frames"]), found["spans"].tolist()
        keys = ("inputs", "color", "regions", "frame_indices", "motions")
        items = [
            {
                "inputs": torch.from_numpy(inputs),
                "color": torch.from_numpy(color),
                "regions": [tuple(region) for region in regions.tolist()],
                "sample": ClipSample(0, name, None, indices, motions=moved if moved.size else None),
            }
            for inputs, color, regions, indices, moved in zip(
                *(found[key] for key in keys), strict=True
            )
        ]
    rate, known = None if math.isnan(fps) else fps, len(times) > 0
    return Decoded(
        video=Video(name, FrameList(()), name, total, rate, times[:-1] if known else None),
        items=items,
        seconds=[(float(times[a]), float(times[b])) for a, b in spans] if known else None,
    )
