"""One page that lists all explained videos of a directory; opens from disk, without a network."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

import numpy as np

from mmaction.explain.records import UNKNOWN_LABEL, as_probabilities, read_fields
from mmaction.explain.writer import ARRAYS, CLIP, SHEET
from mmaction.files import atomic_path

VERDICTS = {True: ("right", "✓ right"), False: ("wrong", "✗ wrong"), None: ("unknown", "no label")}


@dataclass(frozen=True)
class Entry:
    """What the page says of a video.

    Attributes:
        name: The video's name: its directory, relative to the page.
        truth: True class, or None.
        prediction: Predicted class.
        probability: Of the prediction, in [0, 1].
        correct: Whether they agree; None where the true class is not known.
        sheet_size: (width, height) of the sheet, in pixels; None where there is none.
        views: Names of the directories of further views.
    """

    name: str
    truth: str | None
    prediction: str
    probability: float
    correct: bool | None
    sheet_size: tuple[int, int] | None
    views: tuple[str, ...]


def write_gallery(out_dir: str | Path, title: str, *, classes: list[str] | None = None) -> Path:
    """Write ``index.html`` on all videos that were explained below ``out_dir``.

    Args:
        out_dir: What :class:`~mmaction.explain.writer.ExplanationWriter` wrote to.
        title: The page's heading.
        classes: K class names; by default classes go by their numbers.

    Returns:
        The page's path.

    Raises:
        UserError: where an ``explanation.npz`` can't be read.
    """
    out_dir = Path(out_dir)
    entries = sorted(find_entries(out_dir, classes=classes), key=lambda entry: entry.name)
    page = out_dir / "index.html"
    with atomic_path(page) as draft:
        draft.write_text(render_page(entries, title), encoding="utf-8", errors="replace")
    return page


def find_entries(out_dir: Path, *, classes: list[str] | None = None) -> Iterator[Entry]:
    """Read the videos explained below a directory, in any order."""
    for arrays in out_dir.rglob(ARRAYS):
        folder = arrays.parent
        if folder == out_dir or _is_view(folder):
            continue
        data = read_fields(arrays, ("scores", "label", "prediction"))
        label, prediction = int(data["label"]), int(data["prediction"])
        known = label != UNKNOWN_LABEL
        views = sorted(path.name for path in folder.glob("view_*") if _is_view(path))
        yield Entry(
            name=folder.relative_to(out_dir).as_posix(),
            truth=_class_name(label, classes) if known else None,
            prediction=_class_name(prediction, classes),
            probability=float(as_probabilities(data["scores"])[prediction]),
            correct=label == prediction if known else None,
            sheet_size=_png_size(folder / SHEET),
            views=tuple(views),
        )


def render_page(entries: list[Entry], title: str) -> str:
    """Return the page as HTML; whatever comes from data is escaped."""
    correct = np.array([entry.correct for entry in entries if entry.correct is not None])
    summary = f"{len(entries)} videos"
    if correct.size:
        summary += f", {int(correct.sum())} of {correct.size} right ({100 * correct.mean():.1f} %)"
    fields = {
        "title": escape(title),
        "summary": summary,
        "cards": "\n".join(_card(entry) for entry in entries) or "<p>No videos yet.</p>",
    }
    # One pass: a value that looks like a field is left alone.
    return re.sub(r"@(title|summary|cards)@", lambda match: fields[match[1]], PAGE)


def _is_view(folder: Path) -> bool:
    return bool(re.fullmatch(r"view_\d+", folder.name)) and (folder.parent / ARRAYS).exists()


def _class_name(index: int, classes: list[str] | None) -> str:
    return classes[index] if classes is not None and index < len(classes) else f"class {index}"


def _png_size(path: Path) -> tuple[int, int] | None:
    """Read (width, height) from a PNG's head."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        width, height = struct.unpack(">II", file.read(24)[16:])
    return width, height


def _link(*parts: str) -> str:
    # "./" keeps a name such as "a:b" from being read as a scheme.
    return escape("./" + quote("/".join(parts), errors="surrogateescape"))


def _card(entry: Entry) -> str:
    name = escape(entry.name)
    mark, verdict = VERDICTS[entry.correct]
    truth = (
        "" if entry.truth is None else f"<div><dt>truth</dt><dd>{escape(entry.truth)}</dd></div>"
    )
    image = ""
    if entry.sheet_size is not None:
        width, height = entry.sheet_size
        image = (
            f'<a href="{_link(entry.name, SHEET)}"><img loading="lazy" '
            f'src="{_link(entry.name, SHEET)}" width="{width}" height="{height}" '
            f'alt="Frames, spatial attention and temporal weights of {name}"></a>'
        )
    views = "".join(
        f' <a href="{_link(entry.name, view, SHEET)}">{escape(view.replace("_", " "))}</a>'
        for view in entry.views
    )
    return f"""<article class="{mark}">
<header><h2>{name}</h2><span class="mark">{verdict}</span></header>
<dl>{truth}<div><dt>prediction</dt><dd>{escape(entry.prediction)}
 <small>{100 * entry.probability:.1f} %</small></dd></div></dl>
{image}
<footer><a href="{_link(entry.name, CLIP)}" aria-label="Film of {name}">film</a>
 <a href="{_link(entry.name, ARRAYS)}" aria-label="Arrays of {name}">arrays</a>{views}</footer>
</article>"""


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>@title@</title>
<style>
:root { --paper: #f5f6f8; --card: #fff; --ink: #1a1c20; --faint: #5b616b; --line: #d6dae0;
  --right: #006e4c; --wrong: #b22c1a; --link: #0b5c9c; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #15171a; --card: #1f2226; --ink: #eceef1; --faint: #a5acb6; --line: #3a3f46;
    --right: #5fd3a6; --wrong: #ff9580; --link: #86c1f5; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 100rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.45 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.5rem; overflow-wrap: anywhere; }
body > p { margin: .25rem 0 0; color: var(--faint); }
a { color: var(--link); }
form { position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: .5rem 1rem;
  align-items: center; margin: .5rem 0 1rem; padding: .6rem 0; background: var(--paper); }
form label { display: flex; gap: .5rem; align-items: center; }
#text { width: 15rem; max-width: 60vw; padding: .4rem .6rem; font: inherit; color: inherit;
  background: var(--card); border: 1px solid var(--faint); border-radius: .4rem; }
#wrong { width: 1.2rem; height: 1.2rem; margin: 0; }
#count { color: var(--faint); }
main { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill,
  minmax(min(100%, 36rem), 1fr)); }
article { min-width: 0; padding: .9rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .6rem; content-visibility: auto; contain-intrinsic-size: auto 30rem; }
article[hidden] { display: none; }
article header { display: flex; gap: .75rem; justify-content: space-between; }
h2 { margin: 0; font-size: 1.05rem; overflow-wrap: anywhere; }
.mark { white-space: nowrap; font-weight: 600; color: var(--faint); }
.right .mark { color: var(--right); }
.wrong .mark { color: var(--wrong); }
dl { display: flex; flex-wrap: wrap; gap: .1rem 1.5rem; margin: .3rem 0 .6rem; }
dt { color: var(--faint); font-size: .85rem; }
dd { margin: 0; overflow-wrap: anywhere; }
small { color: var(--faint); font-size: .9em; }
img { display: block; width: 100%; height: auto; background: #fff; border-radius: .3rem; }
footer { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin-top: .5rem; }
footer a { padding: .25rem 0; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
</style>
</head>
<body>
<h1>@title@</h1>
<p>@summary@</p>
<form role="search">
<label for="text">Find <input id="text" type="search" placeholder="video or class"></label>
<label><input id="wrong" type="checkbox"> wrong only</label>
<output id="count" for="text wrong"></output>
</form>
<main>
@cards@
</main>
<script>
"use strict";
const text = document.getElementById("text");
const wrong = document.getElementById("wrong");
const count = document.getElementById("count");
const cards = Array.from(document.querySelectorAll("article"), card => ({
  card,
  words: (card.querySelector("h2").textContent + " " + Array.from(
    card.querySelectorAll("dd"), each => each.textContent).join(" ")).toLowerCase(),
  wrong: card.classList.contains("wrong"),
}));
function filter() {
  const sought = text.value.trim().toLowerCase();
  let shown = 0;
  for (const each of cards) {
    const fits = each.words.includes(sought) && (each.wrong || !wrong.checked);
    each.card.hidden = !fits;
    shown += fits;
  }
  count.textContent = shown === cards.length ? "" : `${shown} of ${cards.length} shown`;
}
text.addEventListener("input", filter);
wrong.addEventListener("change", filter);
document.querySelector("form").addEventListener("submit", event => event.preventDefault());
filter();
</script>
</body>
</html>
"""
