"""The page over videos and what was made of them; opens from disk, without network or server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from mmaction.explain.colormap import COLORMAPS, OPACITY, color_table
from mmaction.explain.page.embed import base64_text, filled, page_part, relative_url, script_json
from mmaction.explain.page.video_data import player_data, thumbnail
from mmaction.explain.records import ClipExplanation, as_probabilities
from mmaction.files import atomic_path

PAGE = "index.html"
SCRIPTS = (
    "draw.js",
    "list.js",
    "player.js",
    "timeline.js",
    "edit_file.js",
    "edit.js",
    "main.js",
)
MOST_CLASSES = 5  # of the chart over time


@dataclass(frozen=True)
class Sample:
    """A video as a data set gives it once, for pages without explanations.

    Attributes:
        title: What tells it from the video's others.
        pictures: File, beside the page, and description of each.
        notes: What is odd about it.
        errors: What went wrong; there may be pictures all the same.
    """

    title: str
    pictures: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()
    errors: Sequence[str] = ()


@dataclass(frozen=True)
class Entry:
    """What the page's list says of a video. Plain, so that processes can send it to each other.

    A video has a player's data in its directory, or ``samples`` and no prediction.

    Attributes:
        name: The video's name.
        folder: Its directory, relative to the page, with slashes.
        label: True class in ``[0, K)``, or None.
        prediction: Predicted class in ``[0, K)``.
        probability: Of the prediction, in [0, 1].
        facts: Caption and value of what else is known.
        samples: What is shown in place of a player.
    """

    name: str
    folder: str
    label: int | None
    prediction: int | None = None
    probability: float | None = None
    facts: Sequence[tuple[str, str]] = ()
    samples: Sequence[Sample] = ()

    @classmethod
    def of(cls, explanation: ClipExplanation, *, folder: str) -> Entry:
        """Of a video that has a player.

        Args:
            explanation: Its first one.
            folder: As of the class.
        """
        return cls(
            name=explanation.name,
            folder=folder,
            label=explanation.label,
            prediction=explanation.prediction,
            probability=float(as_probabilities(explanation.scores)[explanation.prediction]),
        )


@dataclass(frozen=True)
class Part:
    """An answer to a part of a long video, for the chart over time.

    Attributes:
        folder: Of the entry that shows it.
        probabilities: K, in [0, 1].
        seconds: T: when the frames that were looked at are shown, in the whole video.
        temporal: T: their weights.
    """

    folder: str
    probabilities: np.ndarray
    seconds: np.ndarray
    temporal: np.ndarray


def write_gallery(
    out_dir: str | Path,
    title: str,
    *,
    entries: Iterable[Entry],
    classes: Sequence[str] | None = None,
    summary: str = "",
    parts: Sequence[Part] = (),
    ranked: bool = False,
) -> Path:
    """Write ``index.html``, which lists just these videos, whole or not at all.

    What an earlier run left in ``out_dir`` is neither listed nor deleted. The page holds the list
    alone; it loads a video's ``player.js`` when the video is opened.

    Args:
        out_dir: What :class:`~mmaction.explain.writer.ExplanationWriter` wrote to.
        title: The page's heading.
        entries: The writer's; those of all processes, where several wrote. Of several of one
            directory the last one counts.
        classes: K class names; by default classes go by their numbers.
        summary: Stands beside the heading; by default how many predictions are right.
        parts: Of the one video that the entries are parts of, in order.
        ranked: List the videos as they come, not by their directories.

    Returns:
        The page's path.
    """
    by_folder = {entry.folder: entry for entry in entries}
    listed = [by_folder[folder] for folder in (by_folder if ranked else sorted(by_folder))]
    path = Path(out_dir) / PAGE
    with atomic_path(path) as draft:
        text = page_text(title, entries=listed, classes=classes, summary=summary, parts=parts)
        draft.write_text(text, encoding="utf-8", errors="replace")
    return path


def page_text(
    title: str,
    *,
    entries: Sequence[Entry],
    classes: Sequence[str] | None = None,
    summary: str = "",
    players: Mapping[str, dict[str, Any]] | None = None,
    parts: Sequence[Part] = (),
) -> str:
    """The page as HTML; whatever comes from data is escaped.

    Args:
        title: The page's heading.
        entries: The videos, in the order of the list.
        classes: K class names; by default classes go by their numbers.
        summary: Stands beside the heading; by default how many predictions are right.
        players: The videos' data, by their directories, for a page that is one file: each a
            ``thumbnail``, a JPEG in base64, and ``data`` from ``player_data``. None: the page reads
            ``player.js`` and ``thumb.jpg`` in the videos' directories.
        parts: As of ``write_gallery``.
    """
    data = {
        "classes": None if classes is None else list(classes),
        "colormap": COLORMAPS[0],
        "colormaps": {name: base64_text(color_table(name)) for name in COLORMAPS},
        "opacity": OPACITY,
        "summary": summary,
        "videos": [_listed(entry) for entry in entries],
        "timeline": _timeline(parts),
        "players": players and {relative_url(folder): each for folder, each in players.items()},
    }
    fields = {
        "title": escape(title),
        "style": page_part("page.css"),
        "data": script_json(data),
        "scripts": "\n".join(page_part(script) for script in SCRIPTS),
    }
    return filled(page_part("page.html"), fields)


def embedded(
    videos: Iterable[tuple[Sequence[Sequence[ClipExplanation]], float]],
) -> tuple[list[Entry], dict[str, dict[str, Any]]]:
    """Entries and players of a page that is one file, as ``page_text`` takes them.

    Args:
        videos: Views of each, as of ``player_data``, and frames a second at which it is shown.
    """
    entries, players = [], {}
    for number, (views, fps) in enumerate(videos):
        first, folder = views[0][0], f"{number:02d}"
        picture = base64_text(thumbnail(first))
        players[folder] = {"data": player_data(views, fps=fps), "thumbnail": picture}
        entries.append(Entry.of(first, folder=folder))
    return entries, players


def _timeline(parts: Sequence[Part]) -> dict[str, Any] | None:
    """The chart's data: the classes that any part found most probable, by their mean."""
    if len(parts) < 2:
        return None
    probabilities = np.array([part.probabilities for part in parts])
    most = np.argsort(-probabilities.max(axis=0), kind="stable")[:MOST_CLASSES]
    shown = most[np.argsort(-probabilities[:, most].mean(axis=0), kind="stable")]
    return {
        "classes": shown.tolist(),
        "parts": [
            [
                relative_url(part.folder),
                [round(float(part.probabilities[k]), 4) for k in shown],
                [round(float(second), 3) for second in part.seconds],
                [float(f"{weight:.3g}") for weight in part.temporal],
            ]
            for part in parts
        ],
    }


def _listed(entry: Entry) -> list[Any]:
    probability = None if entry.probability is None else round(entry.probability, 6)
    listed = [
        entry.name,
        relative_url(entry.folder),
        entry.label,
        entry.prediction,
        probability,
    ]
    if not entry.samples:
        return listed
    samples = [
        {**vars(sample), "pictures": [[relative_url(p), text] for p, text in sample.pictures]}
        for sample in entry.samples
    ]
    return [*listed, {"facts": entry.facts, "samples": samples}]
