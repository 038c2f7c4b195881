"""What ``-s`` writes: a directory a video, with its maps as numbers, a sheet and a film."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from torch import Tensor

from mmaction.errors import UserError
from mmaction.explain.clip_video import DEFAULT_FPS, ENCODER, check_encoder, write_clip
from mmaction.explain.colormap import as_filmed
from mmaction.explain.explanation import Explanation
from mmaction.explain.gallery import Entry
from mmaction.explain.page.video_data import write_player, write_thumbnail
from mmaction.explain.records import ATTENTION, ClipExplanation
from mmaction.explain.sheet import render_sheet, write_png
from mmaction.files import require_writable
from mmaction.structures import VideoResult

ARRAYS, SHEET, CLIP = "explanation.npz", "sheet.png", "clip.mp4"
PLAYER, THUMBNAIL = "player.js", "thumb.jpg"


class ExplanationWriter:
    """Writes what a recognizer looked at, video by video.

    A video goes to ``out_dir/<video name>/``:

    - ``explanation.npz`` (:meth:`ClipExplanation.save`), ``sheet.png`` and ``clip.mp4``: attention;
    - ``explanation.<method>.npz``, ``sheet.<method>.png``, ``clip.<method>.mp4``: any other method;
    - ``player.js`` and ``thumb.jpg``: all methods and views, for the page over all videos.

    Where it was seen in several views, the first one lies there and the others in ``view_02/``,
    ``view_03/`` … below; scores are the video's in all of them. Slashes in a name become nested
    directories. Every file is written whole or not at all, so that several processes may write
    different videos at a time. What an earlier run left in these directories is replaced where it
    has the same name and stays otherwise; the page (:func:`write_gallery`) lists ``entries`` alone.

    Args:
        out_dir: Where to; made if missing.

    Attributes:
        entries: What was written so far, for the page.

    Raises:
        UserError: where ``out_dir`` can't be made or PyAV can't write H.264.
    """

    def __init__(self, *, out_dir: str | Path) -> None:
        check_encoder(ENCODER)
        self.out_dir = Path(out_dir)
        self.entries: list[Entry] = []
        require_writable(out_dir, name="out_dir")

    def write(
        self, views: Sequence[Sequence[ClipExplanation]], *, fps: float | None = None
    ) -> Path:
        """Write one video, explained by one method or several.

        Args:
            views: Its V views; of each, one explanation a method, the same methods in all of them.
            fps: Frames a second of this video's clips; None: not known.

        Returns:
            The video's directory.

        Raises:
            UserError: where the video's name leads out of ``out_dir``, or a file can't be written.
        """
        first = views[0][0]
        rate = DEFAULT_FPS if fps is None else fps
        folder = video_folder(self.out_dir, first.name)
        try:
            for number, explanations in enumerate(views, start=1):
                below = folder if number == 1 else folder / f"view_{number:02d}"
                for each in explanations:
                    write_png(render_sheet(each), below / method_file(SHEET, each.method))
                    write_clip(each, below / method_file(CLIP, each.method), fps=rate)
                    each.save(below / method_file(ARRAYS, each.method))
            write_thumbnail(first, folder / THUMBNAIL)
            write_player(views, folder / PLAYER, fps=rate)
        except OSError as error:
            reason = error.strerror or error
            raise UserError(f"{folder}: can't write the explanation: {reason}") from error
        self.entries.append(Entry.of(first, folder=folder.relative_to(self.out_dir).as_posix()))
        return folder


def method_file(file: str, method: str) -> str:
    """Return a method's file: ``sheet.png`` for attention, ``sheet.<method>.png`` for another."""
    assert re.fullmatch(r"\w[\w-]*", method), f"{method!r} can't be part of a file's name"
    stem, _, suffix = file.rpartition(".")
    return file if method == ATTENTION else f"{stem}.{method}.{suffix}"


def explain_views(
    result: VideoResult,
    inputs: Tensor,
    explanation: Explanation | None = None,
    *,
    classes: Sequence[str] | None = None,
) -> list[ClipExplanation]:
    """Take a result apart into one record a view, its frames as they were filmed.

    Args:
        result: What the recognizer says of a video; with maps, where no explanation is given.
        inputs: uint8 RGB, V×T×H×W×3: its views as the model saw them.
        explanation: An explainer's, of its V views as a batch, instead of the recognizer's own
            attention.
        classes: K class names.

    Raises:
        UserError: where neither the result nor an explanation has maps.
    """
    spatial, temporal = result.spatial_attention, result.temporal_attention
    method, targets = ATTENTION, None
    if explanation is not None:
        spatial, temporal = explanation.spatial, explanation.temporal
        method, targets = explanation.method, explanation.target.tolist()
    if spatial is None or temporal is None:
        raise UserError(
            f"video {result.sample.name!r}: the recognizer made no attention maps, which "
            "takes STABN or another one with an attention branch, not a plain baseline such as "
            "Recognizer3D; tools/visualize.py --explainers grad_cam explains that one too"
        )
    assert inputs.dtype == torch.uint8, inputs.dtype
    where, when = _floats(spatial), _floats(temporal)
    scores, attention_scores = _floats(result.scores), result.attention_scores
    motions, regions = result.sample.motions, result.sample.regions
    views = []
    for view, frames in enumerate(inputs.cpu().numpy()):
        maps = where[view]
        if motions is not None:
            frames, maps = as_filmed(frames, maps, motions[view])
        views.append(
            ClipExplanation(
                name=result.sample.name,
                frames=frames,
                spatial=maps,
                temporal=when[view],
                frame_indices=result.sample.frame_indices[view],
                scores=scores,
                attention_scores=None if attention_scores is None else _floats(attention_scores),
                label=result.sample.label,
                classes=classes,
                method=method,
                target=None if targets is None else targets[view],
                region=None if regions is None else tuple(regions[view].tolist()),
            )
        )
    return views


def video_folder(out_dir: Path, name: str) -> Path:
    """Return the directory of a video, always below ``out_dir``; makes nothing.

    Raises:
        UserError: where the name is empty, absolute, or leads out by ``..`` or a link.
    """
    parts = PurePosixPath(name).parts
    folder = out_dir.joinpath(*parts)
    if not parts or parts[0].startswith("/") or ".." in parts or "\0" in name:
        raise UserError(
            f"video name {name!r} can't be a directory below {out_dir}; names must be relative, "
            "without '..': put what videos have in common into data_root"
        )
    if not folder.resolve().is_relative_to(out_dir.resolve()):
        raise UserError(f"video name {name!r} leads out of {out_dir} through a link")
    return folder


def _floats(values: Tensor) -> np.ndarray:
    """float32; numpy has no bfloat16."""
    return values.detach().cpu().float().numpy()
