"""Edits: where and when somebody says that a network should look, of many videos in one file.

The file is JSON::

    {"edits": 1, "videos": {"person 1/bend": {
        "where": [{"frame": 3, "look": MASK}, {"frame": 9, "look": MASK, "away": "rest"}],
        "when": [[3, 9, 1.0], [10, 24, 0.0]]}}}

Videos go by their names in the annotation, frames by their numbers, as pages and sheets show both.
``where`` holds key frames: ``look`` is where to look, ``away`` where not to. A MASK is COCO's
uncompressed run-length encoding, ``{"size": [rows, columns], "counts": [zeros, ones, zeros, …]}``,
column by column; it covers the whole frame as it was filmed, at any resolution, one for all masks
of a video. ``"rest"`` is all but ``look``. From one key frame to the next a mask that both have
moves and changes its shape linearly (``between``). ``when`` holds intervals: first and last frame
and a weight in [0, 1], relative to the clip's highest; a later interval outdoes an earlier one.
What is in no mask and no interval is not known; it does not say "no".
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmaction.errors import DataError, first_line, near
from mmaction.files import atomic_path

FORMAT = 1
REST = "rest"
_KINDS = ("look", "away")
_ON = 255


@dataclass(frozen=True)
class KeyFrame:
    """Masks of one frame.

    Attributes:
        frame: Its number.
        look: Run lengths of where to look; None: none.
        away: Run lengths of where not to, or ``REST``; None: none.
    """

    frame: int
    look: Sequence[int] | None = None
    away: Sequence[int] | str | None = None


@dataclass(frozen=True)
class VideoEdit:
    """What is said of one video.

    Attributes:
        size: Rows and columns of the masks.
        where: Key frames, their numbers rising.
        when: First frame, last frame and weight.
    """

    size: tuple[int, int]
    where: tuple[KeyFrame, ...] = ()
    when: tuple[tuple[int, int, float], ...] = ()

    @property
    def last_frame(self) -> int:
        """The highest number of a frame that is named; -1: none is."""
        return max([key.frame for key in self.where] + [last for _, last, _ in self.when] + [-1])

    def spatial(self, frame: int) -> np.ndarray | None:
        """uint8, rows×columns×3: 255 where to look, where not to, and zeros; None: not known."""
        after = next((n for n, key in enumerate(self.where) if key.frame >= frame), None)
        if after is None or (after == 0 and self.where[0].frame != frame):
            return None
        first, last = self.where[max(after - 1, 0)], self.where[after]
        if last.frame == frame:
            first = last
        share = 0.0 if first is last else (frame - first.frame) / (last.frame - first.frame)
        marks = np.zeros((*self.size, 3), np.uint8)
        for channel, kind in enumerate(_KINDS):
            ends = getattr(first, kind), getattr(last, kind)
            if REST in ends:
                marks[..., 1] = _ON - marks[..., 0] if ends == (REST, REST) else 0
            elif None not in ends:
                before, behind = (decode_mask(counts, self.size) for counts in ends)
                marks[..., channel] = between(before, behind, share) * np.uint8(_ON)
        return marks

    def temporal(self, frames: np.ndarray) -> np.ndarray:
        """float32, the shape of ``frames``, which are numbers: weights, NaN where not known."""
        weights = np.full(frames.shape, np.nan, np.float32)
        for first, last, weight in self.when:
            weights[(frames >= first) & (frames <= last)] = weight
        return weights


def between(first: np.ndarray, last: np.ndarray, share: float) -> np.ndarray:
    """A mask on the way from one to another.

    Both are moved so that their centres of mass meet on the straight line between these, and cross
    faded: a pixel is in where at least half of the weight says so.

    Args:
        first, last: bool, rows×columns.
        share: How much of the way is done, in [0, 1].
    """
    if share in (0, 1) or not (first.any() and last.any()):
        return first if share < 0.5 else last
    centres = [np.argwhere(mask).mean(axis=0) for mask in (first, last)]
    now = (1 - share) * centres[0] + share * centres[1]
    weight = (1 - share) * _moved(first, now - centres[0]) + share * _moved(last, now - centres[1])
    return weight >= 0.5


def _moved(mask: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """The mask by whole pixels down and right, float64; nothing comes in from outside."""
    places = np.argwhere(mask) + np.floor(shift + 0.5).astype(int)
    inside = ((places >= 0) & (places < mask.shape)).all(axis=1)
    moved = np.zeros(mask.shape)
    moved[tuple(places[inside].T)] = 1
    return moved


def encode_mask(mask: np.ndarray) -> dict[str, list[int]]:
    """A bool mask, rows×columns, as COCO's uncompressed run-length encoding."""
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, flat.size]).tolist()
    return {"size": list(mask.shape), "counts": [0, *counts] if flat[0] else counts}


def decode_mask(counts: Sequence[int], size: tuple[int, int]) -> np.ndarray:
    """bool, rows×columns, from run lengths."""
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return flat.reshape(size, order="F")


def write_edits(path: str | os.PathLike[str], videos: Mapping[str, Mapping[str, Any]]) -> None:
    """Writes a file of edits, whole or not at all.

    Args:
        path: Where to.
        videos: By name, ``where`` and ``when`` as the file has them.
    """
    text = json.dumps({"edits": FORMAT, "videos": videos}, separators=(",", ":"))
    with atomic_path(path) as draft:
        draft.write_text(text, encoding="utf-8")


def read_edits(path: str | os.PathLike[str]) -> dict[str, VideoEdit]:
    """The edits of a file, by video.

    Raises:
        DataError: It can't be read, or says what can't be right; names file, video and key.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as e:
        raise DataError(f"edits '{path}' can't be read: {e.strerror}") from e
    except ValueError as e:
        raise DataError(f"edits '{path}': no JSON ({first_line(e)})") from e
    if not isinstance(content, dict) or content.get("edits") != FORMAT:
        raise DataError(f'edits \'{path}\': expected {{"edits": {FORMAT}, "videos": {{…}}}}')
    videos = content.get("videos")
    if not isinstance(videos, dict):
        raise DataError(f"edits '{path}': videos: expected an object of videos by their names")
    found = {}
    for name, said in videos.items():
        try:
            found[name] = _video_edit(said)
        except _WrongEdit as e:
            raise DataError(f"edits '{path}': video {name!r}: {e}") from e
    return found


class _WrongEdit(ValueError):
    """What is wrong with a video's edit: the key, and what would be right."""


def _video_edit(said: Any) -> VideoEdit:
    where, when = _fields(said, "", where=list, when=list)
    keys: list[KeyFrame] = []
    size = None
    for number, entry in enumerate(where or ()):
        at = f"where[{number}]"
        frame, look, away = _fields(entry, at, frame=int, look=dict, away=(dict, str))
        if frame is None or frame < 0 or (keys and frame <= keys[-1].frame):
            raise _WrongEdit(f"{at}.frame={frame!r}: expected rising numbers of frames")
        masks: dict[str, Any] = {}
        for kind, mask in zip(_KINDS, (look, away), strict=True):
            if mask == REST or mask is None:
                masks[kind] = mask
                continue
            own_size, masks[kind] = _mask(mask, f"{at}.{kind}")
            size = size or own_size
            if own_size != size:
                raise _WrongEdit(
                    f"{at}.{kind}.size={[*own_size]}: the video's other masks are {[*size]}"
                )
        keys.append(KeyFrame(frame, **masks))
    intervals = tuple(_interval(entry, f"when[{n}]") for n, entry in enumerate(when or ()))
    return VideoEdit(size or (1, 1), tuple(keys), intervals)


def _fields(said: Any, at: str, **kinds: type | tuple[type, ...]) -> list[Any]:
    """The values of an object's keys, None where they are missing."""
    if not isinstance(said, dict):
        raise _WrongEdit(f"{at + ': ' if at else ''}expected an object with {', '.join(kinds)}")
    for key, value in said.items():
        name = f"{at}.{key}" if at else key
        if key not in kinds:
            raise _WrongEdit(f"{name} is unknown{near(key, kinds)}")
        if value is not None and (isinstance(value, bool) or not isinstance(value, kinds[key])):
            raise _WrongEdit(f"{name}: {type(value).__name__} can't be right")
    return [said.get(key) for key in kinds]


def _mask(mask: Any, at: str) -> tuple[tuple[int, int], list[int]]:
    """Its size and run lengths."""
    size, counts = (mask.get(k) if isinstance(mask, dict) else None for k in ("size", "counts"))
    if not (isinstance(size, list) and len(size) == 2 and all(_is_count(n) and n for n in size)):
        raise _WrongEdit(f"{at}: expected 'rest' or a mask, size [rows, columns] and counts")
    if not isinstance(counts, list) or not all(map(_is_count, counts)):
        raise _WrongEdit(f"{at}.counts: expected run lengths, whole numbers")
    if sum(counts) != size[0] * size[1]:
        raise _WrongEdit(f"{at}.counts make {sum(counts)} pixels, {size[0]}×{size[1]} are expected")
    return (size[0], size[1]), counts


def _interval(entry: Any, at: str) -> tuple[int, int, float]:
    if isinstance(entry, list) and len(entry) == 3:
        first, last, weight = entry
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if _is_count(first) and _is_count(last) and first <= last and number and 0 <= weight <= 1:
            return first, last, float(weight)
    raise _WrongEdit(f"{at}={entry!r}: expected [first frame, last frame, weight in [0, 1]]")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
