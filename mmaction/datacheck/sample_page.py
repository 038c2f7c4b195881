"""One page of samples, which shows the sheets beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class SampleCard:
    """A video's sample of one epoch, or why there is none.

    Attributes:
        epoch: Which.
        error: Why it can't be shown; empty where it can, and only then the rest counts.
        sheet: The sheet's file, beside the page.
        shape: (V, T, H, W) of what the network is given.
        label: The class it is trained or tested on.
        relabelled: Whether a flip made another class of it.
        recolored: Whether the colours were changed.
        taken_for: (name, reason) of the videos that could not be read, in whose place it is.
        name: Of the video it shows.
        numbers: V×T frame numbers.
    """

    epoch: int
    error: str = ""
    sheet: str = ""
    shape: tuple[int, ...] = ()
    label: str = ""
    relabelled: bool = False
    recolored: bool = False
    taken_for: tuple[tuple[str, str], ...] = ()
    name: str = ""
    numbers: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class VideoCard:
    """A video and its samples.

    Attributes:
        name: As its annotation writes it.
        where: ``file:line`` of the annotation.
        index: Its position in the split.
        frames: As annotated.
        label: As annotated.
        samples: One an epoch.
    """

    name: str
    where: str
    index: int
    frames: int
    label: str
    samples: tuple[SampleCard, ...]


def render_page(videos: Sequence[VideoCard], *, title: str, summary: str) -> str:
    """The page as HTML; whatever comes from data or from the user is escaped."""
    fields = {
        "title": escape(title),
        "summary": escape(summary),
        "videos": "\n".join(_video(video) for video in videos),
    }
    # One pass: a value that looks like a field is left alone.
    return re.sub(r"@(title|summary|videos)@", lambda match: fields[match[1]], PAGE)


def _video(video: VideoCard) -> str:
    samples = "\n".join(_sample(sample) for sample in video.samples)
    return f"""<article>
<h2>{escape(video.name)}</h2>
<dl><div><dt>class</dt><dd>{escape(video.label)}</dd></div>
<div><dt>frames</dt><dd>{video.frames}</dd></div>
<div><dt>video</dt><dd>{video.index}</dd></div>
<div><dt>annotation</dt><dd>{escape(video.where)}</dd></div></dl>
{samples}
</article>"""


def _sample(sample: SampleCard) -> str:
    if sample.error:
        return (
            f"<section><h3>epoch {sample.epoch}</h3>"
            f'<p class="bad" role="alert">can’t be read: {escape(sample.error)}</p></section>'
        )
    marks = "".join(
        f'<span class="mark {kind}">{escape(text)}</span>' for kind, text in _marks(sample)
    )
    replaced = "".join(
        f'<p class="bad">shows {escape(sample.name)} in place of {escape(name)}, which can’t be'
        f" read: {escape(reason)}</p>"
        for name, reason in sample.taken_for
    )
    numbers = "; ".join(", ".join(map(str, view)) for view in sample.numbers)
    return f"""<section>
<h3>epoch {sample.epoch}{marks}</h3>
{replaced}<a href="./{escape(sample.sheet)}" aria-label="Sheet of {escape(sample.name)}, epoch\
 {sample.epoch}"><img src="./{escape(sample.sheet)}" alt="frames {numbers}"></a>
<p class="shape">{_shape(sample.shape)}</p>
</section>"""


def _marks(sample: SampleCard) -> list[tuple[str, str]]:
    marks = []
    if sample.relabelled:
        marks.append(("label", f"class becomes {sample.label}"))
    if sample.recolored:
        marks.append(("color", "colours changed"))
    return marks


def _shape(shape: tuple[int, ...]) -> str:
    views, frames, height, width = shape
    return f"{views} view{'s' * (views > 1)} × {frames} frames, {width}×{height} pixels"


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>@title@</title>
<style>
:root { --paper: #f5f6f8; --card: #fff; --ink: #1a1c20; --faint: #5b616b; --line: #d6dae0;
  --bad: #b22c1a; --link: #0b5c9c; --label: #fbe3c8; --color: #dcebf7; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #15171a; --card: #1f2226; --ink: #eceef1; --faint: #a5acb6; --line: #3a3f46;
    --bad: #ff9580; --link: #86c1f5; --label: #5a3c12; --color: #173a56; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 96rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.45 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.5rem; overflow-wrap: anywhere; }
body > p { margin: .25rem 0 1rem; color: var(--faint); }
main { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr); }
article { padding: .9rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .6rem; }
h2 { margin: 0; font-size: 1.15rem; overflow-wrap: anywhere; }
h3 { display: flex; flex-wrap: wrap; gap: .4rem .6rem; align-items: center; margin: .8rem 0 .4rem;
  font-size: 1rem; }
dl { display: flex; flex-wrap: wrap; gap: .1rem 1.5rem; margin: .3rem 0 0; }
dt { color: var(--faint); font-size: .85rem; }
dd { margin: 0; overflow-wrap: anywhere; }
.mark { padding: .05rem .55rem; border-radius: 1rem; font-size: .85rem; font-weight: 500; }
.mark.label { background: var(--label); }
.mark.color { background: var(--color); }
.bad { margin: .3rem 0; color: var(--bad); overflow-wrap: anywhere; }
img { display: block; max-width: 100%; height: auto; border-radius: .2rem; }
.shape { color: var(--faint); font-size: .85rem; font-variant-numeric: tabular-nums; }
.shape { margin: .2rem 0 0; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
</style>
</head>
<body>
<h1>@title@</h1>
<p>@summary@</p>
<main>
@videos@
</main>
</body>
</html>
"""
