"""A recognizer's answer to one video, as people and programs read it."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from mmaction.errors import UserError
from mmaction.explain.gallery import Part
from mmaction.explain.records import ClipExplanation
from mmaction.explain.sheet import render_sheet


@dataclass(frozen=True, eq=False)
class Recognition:
    """What a video shows, and where and when the recognizer looked.

    Dimension letters: T frames of the clip, H×W pixels, h×w cells of the maps, K classes.

    Attributes:
        name: Of the video.
        classes: K class names.
        probabilities: float32 in [0, 1], K, averaged over the video's views.
        attention_probabilities: Likewise from the attention branch; None: it has none.
        frame_indices: int64, T: which frames of the video were looked at, counted from 0 unless
            their files count otherwise.
        seconds: float64, T: when they are shown, from the video's beginning; None: not known.
        spatial: float32 in [0, 1], T×h×w: WHERE in each frame; None unless it was asked for.
        temporal: float32 in [0, 1], T: WHEN; compare within the clip only. None likewise.
        frames: uint8 RGB, T×H×W×3, as the network saw them; None likewise. Where ``Stabilize``
            moved them they are back as they were filmed, and the maps with them, T×H×W.
        region: Left, top, width and height of what these show of the video's frame, in its pixels;
            None likewise.
        method: What made the maps, ``attention`` or another explainer.
    """

    name: str
    classes: tuple[str, ...]
    probabilities: np.ndarray
    frame_indices: np.ndarray
    attention_probabilities: np.ndarray | None = None
    seconds: np.ndarray | None = None
    spatial: np.ndarray | None = None
    temporal: np.ndarray | None = None
    frames: np.ndarray | None = None
    region: tuple[float, float, float, float] | None = None
    method: str = "attention"

    @property
    def label(self) -> str:
        """Name of the most probable class."""
        return self.top(1)[0][0]

    def top(self, k: int = 5) -> list[tuple[str, float]]:
        """The k most probable classes and their probabilities, the most probable first."""
        order = np.argsort(-self.probabilities, kind="stable")[:k]
        return [(self.classes[i], float(self.probabilities[i])) for i in order]

    def sheet(self) -> np.ndarray:
        """A picture of the clip's frames and where and when the recognizer looked.

        Returns:
            uint8 RGB, height×width×3.

        Raises:
            UserError: It was recognized without ``explain=True``.
        """
        return render_sheet(self.explanation())

    def explanation(self, *, name: str | None = None) -> ClipExplanation:
        """The record that sheets, films and pages are made of.

        Args:
            name: What it is called there; None: the video's.

        Raises:
            UserError: It was recognized without ``explain=True``.
        """
        if self.spatial is None or self.temporal is None or self.frames is None:
            raise UserError("no attention was asked for: recognize the video with explain=True")
        return ClipExplanation(
            name=name or self.name,
            frames=self.frames,
            spatial=self.spatial,
            temporal=self.temporal,
            frame_indices=self.frame_indices,
            scores=self.probabilities,
            attention_scores=self.attention_probabilities,
            classes=self.classes,
            method=self.method,
            target=None if self.method == "attention" else int(self.probabilities.argmax()),
        )

    def over_time(self, folder: str) -> Part:
        """Of a part of a long video, what a page's chart shows.

        Args:
            folder: Of the page's entry for it.
        """
        assert self.seconds is not None
        assert self.temporal is not None
        return Part(folder, self.probabilities, self.seconds, self.temporal)

    def show(self) -> None:
        """Shows the sheet, in a notebook or in a window."""
        image = Image.fromarray(self.sheet())
        try:
            from IPython import get_ipython
            from IPython.display import display
        except ImportError:
            image.show()
            return
        if get_ipython() is None:
            image.show()
        else:
            display(image)

    def _repr_png_(self) -> bytes | None:
        """What a notebook shows for it."""
        if self.spatial is None or self.frames is None:
            return None
        png = io.BytesIO()
        Image.fromarray(self.sheet()).save(png, format="png")
        return png.getvalue()

    def as_dict(self) -> dict[str, Any]:
        """As plain data, all but the pixels and the attention branch's probabilities."""
        said: dict[str, Any] = {"name": self.name, "label": self.label}
        said["probabilities"] = dict(self.top(len(self.classes)))
        arrays = ("frame_indices", "seconds", "temporal", "spatial", "region")
        for key in arrays:
            values = getattr(self, key)
            if values is not None:
                said[key] = np.asarray(values).tolist()
        return said

    def to_json(self) -> str:
        """``as_dict`` as JSON."""
        return json.dumps(self.as_dict(), ensure_ascii=False)

    def __repr__(self) -> str:
        (label, probability), *_ = self.top(1)
        maps = ", explained" if self.spatial is not None else ""
        return f"Recognition({self.name!r}: {label!r} {probability:.3f}{maps})"
