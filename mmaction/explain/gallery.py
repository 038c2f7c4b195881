"""The page over a run's explained videos; opens from disk, without a network or a server."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from mmaction.explain.colormap import COLORMAPS, DEFAULT_OPACITY, color_table
from mmaction.explain.page.embed import base64_text, page_part, relative_url, script_json
from mmaction.files import atomic_path

PAGE = "index.html"
SCRIPTS = ("draw.js", "list.js", "player.js", "main.js")


@dataclass(frozen=True)
class Entry:
    """What the page's list says of a video. Plain, so that processes can send it to each other.

    Attributes:
        name: The video's name.
        folder: Its directory, relative to the page, with slashes.
        label: True class in ``[0, K)``, or None.
        prediction: Predicted class in ``[0, K)``.
        probability: Of the prediction, in [0, 1].
    """

    name: str
    folder: str
    label: int | None
    prediction: int
    probability: float


def write_gallery(
    out_dir: str | Path,
    title: str,
    *,
    entries: Iterable[Entry],
    classes: Sequence[str] | None = None,
    colormap: str = "viridis",
    opacity: float = DEFAULT_OPACITY,
) -> Path:
    """Write ``index.html``, which lists just these videos.

    What an earlier run left in ``out_dir`` is neither listed nor deleted. The page holds the list
    alone; it loads a video's ``player.js`` when the video is opened.

    Args:
        out_dir: What :class:`~mmaction.explain.writer.ExplanationWriter` wrote to.
        title: The page's heading.
        entries: The writer's; those of all processes, where several wrote. Of several of one
            directory the last one counts.
        classes: K class names; by default classes go by their numbers.
        colormap: The one to begin with, of :data:`mmaction.explain.colormap.COLORMAPS`.
        opacity: Share of the map's colour to begin with, in [0, 1].

    Returns:
        The page's path.
    """
    by_folder = {entry.folder: entry for entry in entries}
    listed = [by_folder[folder] for folder in sorted(by_folder)]
    path = Path(out_dir) / PAGE
    text = render_page(listed, title, classes=classes, colormap=colormap, opacity=opacity)
    with atomic_path(path) as draft:
        draft.write_text(text, encoding="utf-8", errors="replace")
    return path


def render_page(
    entries: Sequence[Entry],
    title: str,
    *,
    classes: Sequence[str] | None = None,
    colormap: str = "viridis",
    opacity: float = DEFAULT_OPACITY,
) -> str:
    """Return the page as HTML; whatever comes from data is escaped."""
    data = {
        "classes": None if classes is None else list(classes),
        "colormap": colormap,
        "colormaps": {name: base64_text(color_table(name)) for name in COLORMAPS},
        "opacity": opacity,
        "videos": [
            [
                entry.name,
                relative_url(entry.folder),
                entry.label,
                entry.prediction,
                round(entry.probability, 6),
            ]
            for entry in entries
        ],
    }
    fields = {
        "title": escape(title),
        "style": page_part("page.css"),
        "data": script_json(data),
        "scripts": "\n".join(page_part(script) for script in SCRIPTS),
    }
    # One pass: a value that looks like a field is left alone.
    return re.sub(
        r"@(title|style|data|scripts)@", lambda match: fields[match[1]], page_part("page.html")
    )
