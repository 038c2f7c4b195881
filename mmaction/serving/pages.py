"""The page to drop a video on, and the page that answers it: the player of explanations."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files

from mmaction.explain.clip_video import DEFAULT_FPS, shown_rate
from mmaction.explain.gallery import embedded, page_text
from mmaction.explain.page.embed import filled, page_part
from mmaction.inference import Recognition
from mmaction.serving.decoding import Decoded


def drop_page(model: str, *, limits: str) -> str:
    """HTML of the page that takes videos.

    Args:
        model: What the model is called.
        limits: What is taken, for people.
    """
    text = files("mmaction.serving").joinpath("page.html").read_text(encoding="utf-8")
    fields = {"model": escape(model), "limits": escape(limits), "style": page_part("page.css")}
    return filled(text, fields)


def answer_page(decoded: Decoded, answers: Sequence[Recognition]) -> str:
    """HTML of a player over the video and its parts, all in one file.

    Args:
        decoded: The video.
        answers: Explained, of each of its items.
    """
    rate = decoded.video.fps
    entries, players = embedded(
        ([[answer.explanation(name=title)]], shown_rate(rate, answer.frame_indices) or DEFAULT_FPS)
        for title, answer in zip(_titles(decoded), answers, strict=True)
    )
    whole = answers[0]
    (label, probability), *_ = whole.top(1)
    return page_text(
        decoded.video.name,
        entries=entries,
        classes=whole.classes,
        summary=f"{label}, {100 * probability:.1f} %",
        players=players,
        parts=[
            part.over_time(entry.folder)
            for entry, part in zip(entries[1:], answers[1:], strict=True)
        ],
    )


def _titles(decoded: Decoded) -> list[str]:
    if len(decoded.items) == 1 or decoded.seconds is None:
        return [decoded.video.name]
    return ["whole video", *(f"{a:.1f}–{b:.1f} s" for a, b in decoded.seconds[1:])]
