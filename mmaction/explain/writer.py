"""What ``-s`` writes: a directory a video, with its maps as numbers, a sheet and a film."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
import torch
from torch import Tensor

from mmaction.errors import ConfigError, UserError
from mmaction.explain.clip_video import ENCODER, check_encoder, write_clip
from mmaction.explain.colormap import DEFAULT_OPACITY, color_table
from mmaction.explain.records import ClipExplanation
from mmaction.explain.sheet import write_sheet
from mmaction.structures import VideoResult

ARRAYS, SHEET, CLIP = "explanation.npz", "sheet.png", "clip.mp4"


class ExplanationWriter:
    """Writes what a recognizer looked at, video by video.

    A video goes to ``out_dir/<video name>/``: ``explanation.npz`` (:meth:`ClipExplanation.save`),
    ``sheet.png`` and ``clip.mp4``. Where it was seen in several views, the first one lies there and
    the others in ``view_02/``, ``view_03/`` … below; scores are the video's in all of them.
    Slashes in a name become nested directories. Every file is written whole or not at all, the
    ``.npz`` last, so that several processes may write different videos at a time.

    Args:
        out_dir: Where to; made if missing.
        classes: K class names; by default classes go by their numbers.
        colormap: One of :data:`mmaction.explain.colormap.COLORMAPS`.
        opacity: Share of the map's colour in overlays, in [0, 1].
        fps: Frames a second of the film, above 0.

    Raises:
        ConfigError: where an argument is out of range.
        UserError: where ``out_dir`` can't be made or PyAV can't write H.264.
    """

    def __init__(
        self,
        *,
        out_dir: str | Path,
        classes: list[str] | None = None,
        colormap: str = "viridis",
        opacity: float = DEFAULT_OPACITY,
        fps: float = 8.0,
    ) -> None:
        color_table(colormap)  # says so where there is none of this name
        if not 0 <= opacity <= 1:
            raise ConfigError(f"opacity={opacity} is not in [0, 1]")
        if not 0.1 <= fps <= 1000:
            raise ConfigError(f"fps={fps} is not between 0.1 and 1000")
        check_encoder(ENCODER)
        self.out_dir = Path(out_dir)
        self.classes = classes
        self.colormap = colormap
        self.opacity = opacity
        self.fps = fps
        _make_dir(self.out_dir)

    def write(self, result: VideoResult, inputs: Tensor | np.ndarray) -> Path:
        """Write one video.

        Args:
            result: What the recognizer says of it, with maps.
            inputs: uint8 RGB, V×T×H×W×3: its views as the model saw them.

        Returns:
            The video's directory.

        Raises:
            UserError: where the result has no maps, the video's name leads out of ``out_dir``, or
                a file can't be written.
        """
        folder = video_folder(self.out_dir, result.sample.name)
        views = explain_views(result, inputs, classes=self.classes)
        for number, view in enumerate(views, start=1):
            self._write_view(view, folder if number == 1 else folder / f"view_{number:02d}")
        return folder

    def _write_view(self, view: ClipExplanation, folder: Path) -> None:
        _make_dir(folder)
        try:
            write_sheet(view, folder / SHEET, opacity=self.opacity, colormap=self.colormap)
            write_clip(
                view, folder / CLIP, fps=self.fps, opacity=self.opacity, colormap=self.colormap
            )
            view.save(folder / ARRAYS)
        except OSError as error:
            reason = error.strerror or error
            raise UserError(f"{folder}: can't write the explanation: {reason}") from error


def explain_views(
    result: VideoResult, inputs: Tensor | np.ndarray, *, classes: list[str] | None = None
) -> list[ClipExplanation]:
    """Take a result apart into one record a view.

    Args:
        result: What the recognizer says of a video, with maps.
        inputs: uint8 RGB, V×T×H×W×3: its views as the model saw them.
        classes: K class names.

    Raises:
        UserError: where the result has no maps.
    """
    name = result.sample.name
    if result.spatial_attention is None or result.temporal_attention is None:
        raise UserError(
            f"video {name!r}: the recognizer made no attention maps; -s needs STABN or another "
            "recognizer with an attention branch, not a plain baseline such as Recognizer3D"
        )
    views = _numpy(inputs)
    if views.dtype != np.uint8:
        raise ValueError(f"video {name!r}: inputs are {views.dtype}, not uint8")
    spatial = _numpy(result.spatial_attention).astype(np.float32)
    temporal = _numpy(result.temporal_attention).astype(np.float32)
    scores = _numpy(result.scores).astype(np.float32)
    attention_scores = None
    if result.attention_scores is not None:
        attention_scores = _numpy(result.attention_scores).astype(np.float32)
    numbers = np.atleast_2d(result.sample.frame_indices).astype(np.int64)
    return [
        ClipExplanation(
            name=name,
            frames=frames,
            spatial=spatial[view],
            temporal=temporal[view],
            frame_indices=numbers[view],
            scores=scores,
            attention_scores=attention_scores,
            label=result.sample.label,
            classes=classes,
        )
        for view, frames in enumerate(views)
    ]


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


def _make_dir(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: can't make this directory: {error.strerror}") from error


def _numpy(values: Tensor | np.ndarray) -> np.ndarray:
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        # numpy has no bfloat16.
        values = values.float() if values.is_floating_point() else values
        return values.numpy()
    return np.asarray(values)
