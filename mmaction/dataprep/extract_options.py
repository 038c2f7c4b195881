"""What the extraction of frames is asked for, and what it reports."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from mmaction.datasets.sources.frame_names import frame_numbers
from mmaction.errors import UserError


@dataclass(frozen=True, kw_only=True)
class ExtractOptions:
    """All that the frames of a video depend on.

    Attributes:
        image_tmpl: File name of a frame; they are numbered from 1.
        fps: Frames a second to take by time; None: every decoded frame once.
        short_side: Pixels of the shorter side; None: as the video is.
        enlarge: Whether smaller videos are enlarged to ``short_side``.
        quality: Of the JPEG files, 1 to 100.
        keep_damaged: Whether a video that is damaged or cut short gives the frames before that,
            rather than none.

    Raises:
        UserError: A value that can't be right.
    """

    image_tmpl: str = "img_{:05d}.jpg"
    fps: float | None = None
    short_side: int | None = None
    enlarge: bool = False
    quality: int = 95
    keep_damaged: bool = False

    def __post_init__(self) -> None:
        _check_template(self.image_tmpl)
        if self.fps is not None and not 0 < self.fps < float("inf"):
            raise UserError(f"fps is {self.fps:g}, must be greater than 0")
        if self.short_side is not None and self.short_side < 1:
            raise UserError(f"short_side is {self.short_side}, must be at least 1")
        if not 1 <= self.quality <= 100:
            raise UserError(f"quality is {self.quality}, must be from 1 to 100")


def _check_template(image_tmpl: str) -> None:
    try:
        right = frame_numbers([image_tmpl.format(7)], image_tmpl) == {7}
    except (AssertionError, ValueError, LookupError):
        right = False
    if not right or not image_tmpl.lower().endswith((".jpg", ".jpeg")):
        raise UserError(
            f"image_tmpl='{image_tmpl}' is no file name of a JPEG with one number such as"
            " 'img_{:05d}.jpg'"
        )


@dataclass
class ExtractReport:
    """What became of the videos.

    Attributes:
        extracted: Names of those whose frames were written now.
        already_there: How many were there.
        damaged: What is wrong by name, of those whose frames before the damage were kept.
        failed: The causes by path, of those that gave no frames.
        frames: How many were written.
    """

    extracted: list[str] = field(default_factory=list)
    already_there: int = 0
    damaged: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    frames: int = 0

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)
