"""One video as the page's player reads it: pixels as JPEG, maps as bytes, the rest as numbers.

The player resizes maps as floats and colours them itself, so that nothing is drawn beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmaction.explain.colormap import limited, overlay, resize_frames, scale_clip, to_gray
from mmaction.explain.page.embed import base64_text, script_json
from mmaction.explain.records import ClipExplanation, as_probabilities
from mmaction.files import atomic_path

MOST_CELLS = 64  # a side; finer maps are averaged down
MOST_PIXELS = 640  # longer side of a frame
THUMBNAIL = 128  # longer side, in pixels
FRAME_QUALITY, THUMBNAIL_QUALITY = 90, 80  # of JPEG, in per cent


def write_player(views: Sequence[Sequence[ClipExplanation]], path: Path, *, fps: float) -> None:
    """Write a script that hands a video to the page: ``explained({…});``, whole or not at all.

    A script, for a page opened from disk may not read any other file of its own.

    Args:
        views: V views of the video, each explained by the same methods.
        path: Where to.
        fps: Frames a second at which the clip is shown.
    """
    data = player_data(views, fps=fps)
    with atomic_path(path) as draft:
        draft.write_text(f"explained({script_json(data)});\n", encoding="ascii")


def player_data(views: Sequence[Sequence[ClipExplanation]], *, fps: float) -> dict[str, Any]:
    """A video as the player reads it, plain data for JSON.

    Args:
        views: V views of the video, each explained by the same methods.
        fps: Frames a second at which the clip is shown.
    """
    first = views[0][0]
    attention_scores = first.attention_scores
    return {
        "name": first.name,
        "rate": fps,
        "label": first.label,
        "prediction": first.prediction,
        "scores": _probabilities(first.scores),
        "attentionScores": None if attention_scores is None else _probabilities(attention_scores),
        "views": [_view(explanations) for explanations in views],
    }


def write_thumbnail(explanation: ClipExplanation, path: Path) -> None:
    """Write ``thumbnail`` to a file, whole or not at all."""
    with atomic_path(path) as draft:
        draft.write_bytes(thumbnail(explanation))


def thumbnail(explanation: ClipExplanation) -> bytes:
    """The frame of the highest temporal weight under its map, as a small JPEG."""
    peak = slice(int(np.argmax(explanation.temporal)), None)
    frame = _shrunk(explanation.frames[peak][:1], THUMBNAIL)
    level = scale_clip(explanation.spatial)[peak][:1]
    (picture,) = overlay(to_gray(frame), level)
    return _jpeg(picture, THUMBNAIL_QUALITY)


def quantise(spatial: np.ndarray) -> np.ndarray:
    """Return maps T×h×w as uint8 on the clip's scale: 0 its lowest value, 255 its highest.

    Maps of more than 64 cells a side are averaged down to that. The error is at most 1/510 of the
    clip's range: half a step of a colour map's 256.
    """
    rows, columns = limited(*spatial.shape[1:], longest=MOST_CELLS)
    maps = [
        cv2.resize(one, (columns, rows), interpolation=cv2.INTER_AREA)
        for one in scale_clip(spatial)
    ]
    return np.rint(np.stack(maps) * 255).astype(np.uint8)


def _view(explanations: Sequence[ClipExplanation]) -> dict[str, Any]:
    first = explanations[0]
    frames = _shrunk(first.frames, MOST_PIXELS)
    return {
        "width": frames.shape[2],
        "height": frames.shape[1],
        "frames": [base64_text(_jpeg(frame, FRAME_QUALITY)) for frame in frames],
        "numbers": first.frame_indices.tolist(),
        "region": first.region and [_short(side) for side in first.region],
        "maps": [_maps(explanation) for explanation in explanations],
    }


def _maps(explanation: ClipExplanation) -> dict[str, Any]:
    levels = quantise(explanation.spatial)
    return {
        "method": explanation.method,
        "target": explanation.target,
        "rows": levels.shape[1],
        "columns": levels.shape[2],
        "levels": base64_text(levels),
        "low": _short(explanation.spatial.min()),
        "high": _short(explanation.spatial.max()),
        "temporal": [_short(weight) for weight in explanation.temporal],
    }


def _probabilities(scores: np.ndarray) -> list[float]:
    return [_short(probability) for probability in as_probabilities(scores)]


def _short(value: float) -> float:
    return float(f"{value:.6g}")


def _shrunk(frames: np.ndarray, longest: int) -> np.ndarray:
    return resize_frames(frames, *limited(*frames.shape[1:3], longest=longest))


def _jpeg(picture: np.ndarray, quality: int) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    if quality >= FRAME_QUALITY:
        # Small pictures that are looked at closely keep their colours' edges.
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _, data = cv2.imencode(".jpg", picture[..., ::-1], options)
    return data.tobytes()
