"""An explanation card: what was measured of a network's maps, in plain words, and what follows.

Each question gets ``yes``, ``partly``, ``no`` or ``not measured`` by a rule that is written where
it is applied; intervals are those of :class:`~mmaction.explain.measures.table.MeasureTable`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from mmaction.explain.measures.bootstrap import bootstrap_mean
from mmaction.explain.measures.shortcut_report import ShortcutReport
from mmaction.explain.measures.table import CHANCE, MeasureTable
from mmaction.explain.page.embed import filled, page_part, script_json

YES, PARTLY, NO, UNKNOWN = "yes", "partly", "no", "not measured"
TRUE, LEARNED, POINTING = "joint_insertion_minus_deletion", "sanity_end", "pointing"
FORGOTTEN = 0.5  # a map that keeps less of itself without the weights shows what was learned
_REPLACED = {
    "spatial_uniform": "the map the same everywhere",
    "temporal_uniform": "all frames weighed alike",
    "both_uniform": "both",
}
# By whether accuracy falls without where, and without when.
_USED = {
    (True, True): (YES, "from where and when it looks"),
    (True, False): (PARTLY, "from where it looks, not from when"),
    (False, True): (PARTLY, "from when it looks, not from where"),
    (False, False): (NO, "the same without what it shows"),
}


@dataclass(frozen=True)
class Finding:
    """A question, and what was measured of it.

    Attributes:
        question: Such as ``Is the attention used?``.
        answer: ``yes``, ``partly``, ``no`` or ``not measured``.
        text: Figures in a sentence or two.
    """

    question: str
    answer: str
    text: str


@dataclass(frozen=True)
class Card:
    """What a card says.

    Attributes:
        title: Its heading.
        findings: By ``used``, ``true``, ``learned``, ``actor``, ``action``.
        may, may_not: What a reader may conclude, and what not.
    """

    title: str
    findings: dict[str, Finding]
    may: list[str]
    may_not: list[str]

    def record(self) -> dict[str, object]:
        """For JSON."""
        return {
            "findings": [vars(finding) for finding in self.findings.values()],
            "may": self.may,
            "may_not": self.may_not,
        }

    def html(self, *, about: str, clips: str) -> str:
        """The page; whatever comes from data is escaped.

        Args:
            about: A line of what was measured.
            clips: A page of players, HTML, which gets a frame of its own.
        """
        findings = "\n".join(
            f'<section><h2>{escape(f.question)} <b class="{f.answer[:2]}">{f.answer}</b></h2>'
            f"<p>{escape(f.text)}</p></section>"
            for f in self.findings.values()
        )
        fields = {
            "title": escape(self.title),
            "about": escape(about),
            "style": page_part("page.css"),
            "findings": findings,
            "may": _items(self.may),
            "maynot": _items(self.may_not),
            "clips": script_json(clips),
        }
        return filled(page_part("card.html"), fields)


def make_card(
    title: str, table: MeasureTable, shortcuts: ShortcutReport | None, explainer: str
) -> Card:
    """Puts measures into words.

    Args:
        title: The card's heading.
        table: ``intervention``, ``joint``, ``sanity`` and ``localization``, as far as they could be
            measured.
        shortcuts: What answers rest on; None: not measured.
        explainer: Whose maps the card is about.
    """
    findings = {
        "used": used(table),
        "true": is_true(table, explainer),
        "learned": learned(table, explainer),
        "actor": on_actor(table, explainer),
        "action": needs_action(shortcuts),
    }
    return Card(title, findings, *conclusions({k: f.answer for k, f in findings.items()}))


def used(table: MeasureTable) -> Finding:
    """``yes`` where accuracy falls clearly without A_s and without A_t, ``partly`` without one."""
    question, found = "Is the attention used?", table.intervention
    if not found:
        return Finding(question, UNKNOWN, "The network has no attention that could be replaced.")
    intact = found["intact"]["correct"]
    falls = {name: bootstrap_mean(found[name]["correct"] - intact).high < 0 for name in _REPLACED}
    shares = [f"{_percent(found[name]['correct'])} with {what}" for name, what in _REPLACED.items()]
    text = f"{_percent(intact)} of {len(intact)} clips are recognised; {', '.join(shares)}."
    answer, how = _USED[falls["spatial_uniform"], falls["temporal_uniform"]]
    return Finding(question, answer, f"{text} The network answers {how}.")


def is_true(table: MeasureTable, explainer: str) -> Finding:
    """``yes`` where insertion − deletion is clearly above every control, ``partly`` above one."""
    question = "Is it true?"
    if TRUE not in table.values[explainer]:
        return Finding(question, UNKNOWN, "Insertion and deletion were not measured.")
    others = [name for name in table.values if name != explainer]
    differences = {name: table.difference(explainer, name, TRUE) for name in others}
    above = [name for name, each in differences.items() if each.low > 0]
    text = (
        f"Clips are put together, and taken apart, the most marked cells first. The answer follows "
        f"them by {table.interval(explainer, TRUE).text()} (insertion − deletion). Above maps "
        "that know nothing of the network by: "
    )
    text += ", ".join(f"{name} {each.text(signed=True)}" for name, each in differences.items())
    clear = " and ".join(above) if above else "none"
    text += f". Clearly above {'all of them' if len(above) == len(others) else clear}."
    return Finding(question, YES if len(above) == len(others) else PARTLY if above else NO, text)


def learned(table: MeasureTable, explainer: str) -> Finding:
    """``yes`` where the map's correlation with itself, weights shuffled, is clearly below ½."""
    question = "Does it follow what was learned?"
    if LEARNED not in table.values[explainer]:
        return Finding(question, UNKNOWN, "Sanity was not measured.")
    left = table.interval(explainer, LEARNED)
    if left.videos == 0:
        return Finding(question, NO, "The maps are the same everywhere.")
    text = (
        "With all weights shuffled, the map keeps a rank correlation of "
        f"{left.text()} with itself (1: the same map, whatever was learned; 0: none of it)."
    )
    answer = YES if left.high < FORGOTTEN else NO if left.low >= FORGOTTEN else PARTLY
    return Finding(question, answer, text)


def on_actor(table: MeasureTable, explainer: str) -> Finding:
    """``yes`` where pointing is clearly above chance and above a half, ``partly`` above chance."""
    question = "Does it lie on who acts?"
    if POINTING not in table.values[explainer] or not table.interval(explainer, POINTING).videos:
        return Finding(question, UNKNOWN, "Nobody has said who acts in these videos.")
    hits, chance = table.interval(explainer, POINTING), table.interval(CHANCE, POINTING)
    text = f"The strongest point of a frame lies on who acts in {hits.text()} of the frames"
    text += f"; of a map that is the same everywhere it would in {chance.mean:.3f}."
    clear = hits.low > chance.mean
    return Finding(question, YES if clear and hits.mean > 0.5 else PARTLY if clear else NO, text)


def needs_action(report: ShortcutReport | None) -> Finding:
    """``no`` where the answers rest on the background; see ``ShortcutReport``."""
    question = "Does the answer need the action?"
    if report is None:
        return Finding(question, UNKNOWN, "Nothing was hidden.")
    return Finding(question, NO if report.found else YES, f"{report.verdict()}.")


def conclusions(answers: dict[str, str]) -> tuple[list[str], list[str]]:
    """What a reader may conclude, and what not.

    Args:
        answers: ``yes``, ``partly``, ``no`` or ``not measured``, by the names of ``Card.findings``.
    """
    reason = answers["used"] in (YES, PARTLY) and answers["true"] == YES
    may: list[str] = []
    may_not: list[str] = []
    (may if reason else may_not).append(
        "Take the marked cells and frames for what the answer was made from, on average over clips "
        "like these; a single clip may be otherwise."
    )
    (may if answers["learned"] == YES else may_not).append(
        "Take the map for something that the network has learned, rather than for edges or motion "
        "that any network would mark."
    )
    (may if answers["actor"] == YES else may_not).append(
        "Use the map to find who acts in a frame, as exactly as its cells are fine."
    )
    (may if answers["action"] == YES else may_not).append(
        "Take a right answer for a recognised action, not for a recognised place or picture."
    )
    may_not += [
        "Take a bright cell for a good reason: a map says where the network looked, not why, and "
        "not that it is right.",
        "Compare the weights of frames, or the brightness of cells, between clips.",
        "Carry any of this over to videos of other people, places or cameras: measure there.",
    ]
    return may, may_not


def _percent(correct: np.ndarray) -> str:
    return f"{100 * np.mean(correct):.0f} %"


def _items(sentences: Sequence[str]) -> str:
    return "\n".join(f"<li>{escape(each)}</li>" for each in sentences)
