"""A video from its beginning to its end: what it shows, where and when the recognizer looked."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from mmaction.errors import ConfigError
from mmaction.explain import ExplanationWriter, write_gallery
from mmaction.explain.clip_video import shown_rate
from mmaction.explain.records import ATTENTION
from mmaction.files import atomic_path
from mmaction.inference import Recognition, VideoRecognizer
from mmaction.inference.film import write_film
from mmaction.inference.sources import opened
from mmaction.inference.windows import spans_of
from mmaction.progress import Progress

KINDS = (".mp4", ".json", "")


def demo(
    recognizer: VideoRecognizer,
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    window_sec: float = 2.0,
    stride_sec: float = 0.5,
    explainer: str = ATTENTION,
) -> list[Recognition]:
    """Recognizes a video part by part and writes what came out.

    Args:
        recognizer: From ``load``.
        source: A video file.
        out: ``.mp4``: the video with labels and attention drawn into it; ``.json``: the answers;
            a directory: a page with a player for each part.
        window_sec: How long a part is.
        stride_sec: From the beginning of a part to that of the next.
        explainer: What makes the maps.

    Returns:
        The answers, in order, without ``frames``: those of an hour would fill the memory.

    Raises:
        ConfigError: ``out`` or a length that can't be.
        UserError: The video can't be read, or the network has no attention.
    """
    out = Path(out)
    if out.suffix not in KINDS or (out.suffix and out.is_dir()):
        raise ConfigError(f"--out {out}: expected a file .mp4 or .json, or a directory")
    if out.exists() and Path(source).exists() and out.samefile(source):
        raise ConfigError(f"--out {out}: is the video itself, which would be lost")
    with opened(source) as video:
        name, fps = video.name, video.fps
        expected = len(spans_of(video, window_sec=window_sec, stride_sec=stride_sec))
    parts: list[Recognition] = []
    writer = None if out.suffix else ExplanationWriter(out_dir=out)
    with Progress("parts", expected, "parts", stream=sys.stderr) as progress:
        for part in recognizer.windows(
            source, window_sec=window_sec, stride_sec=stride_sec, explain=explainer
        ):
            if writer is not None:
                assert part.seconds is not None
                span = f"{part.seconds[0]:07.2f}-{part.seconds[-1]:07.2f} s"
                shown = part.explanation(name=f"{part.name}/{span}")
                writer.write([[shown]], fps=shown_rate(fps, part.frame_indices))
            parts.append(replace(part, frames=None))
            progress.advance()
    if out.suffix == ".mp4":
        write_film(source, parts, out)
    elif out.suffix == ".json":
        with atomic_path(out) as draft:
            answers = [part.as_dict() for part in parts]
            draft.write_text(json.dumps({"video": name, "parts": answers}, ensure_ascii=False))
    elif writer is not None:
        entries = writer.entries
        told = [part.over_time(e.folder) for e, part in zip(entries, parts, strict=True)]
        classes = parts[0].classes
        write_gallery(out, "What it shows", entries=entries, classes=classes, parts=told)
    return parts
