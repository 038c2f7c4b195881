"""What a card says of measures whose answer is known beforehand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmaction.explain.card import LEARNED, NO, PARTLY, POINTING, TRUE, UNKNOWN, YES, make_card
from mmaction.explain.measures.shortcut_report import ShortcutReport
from mmaction.explain.measures.shortcuts import WHOLE, Answers
from mmaction.explain.measures.table import MeasureTable

CLIPS = 20
ALL, NONE = np.ones(CLIPS), np.zeros(CLIPS)


def table_of(
    *, spatial: np.ndarray, temporal: np.ndarray, random: float, differences: float, left: float
) -> MeasureTable:
    """A network that knows all clips; maps of .5 beside controls; what is left of them is given."""
    replaced = {"spatial_uniform": spatial, "temporal_uniform": temporal, "both_uniform": NONE}
    return MeasureTable(
        videos=[dict(name=str(i)) for i in range(CLIPS)],
        values={
            "attention": {TRUE: ALL / 2, LEARNED: left * ALL, POINTING: 0.9 * ALL},
            "random": {TRUE: random * ALL},
            "frame_difference": {TRUE: differences * ALL},
        },
        chance={POINTING: 0.1 * ALL},
        intervention={
            name: dict(correct=correct, probability=correct)
            for name, correct in {"intact": ALL, **replaced}.items()
        },
    )


def report_of(survives: float) -> ShortcutReport:
    given = np.arange(CLIPS) % 2
    whole = np.eye(2)[given]
    kept = survives * whole + (1 - survives) / 2
    views = {"without_actor": kept, "first_frame": np.full((CLIPS, 2), 0.5), "still_frames": kept}
    answers = Answers(given=given, probabilities={WHOLE: whole, **views}, hidden={})
    return ShortcutReport(names=[str(i) for i in given], labels=given, answers=answers)


@pytest.mark.parametrize(
    ("given", "survives", "answers"),
    [
        (dict(spatial=NONE, temporal=NONE, random=0, differences=0.1, left=0.1), 0.1, [YES] * 5),
        (
            dict(spatial=NONE, temporal=ALL, random=0, differences=0.6, left=0.1),
            0.9,
            [PARTLY, PARTLY, YES, YES, NO],
        ),
        (
            dict(spatial=ALL, temporal=ALL, random=0.6, differences=0.6, left=0.9),
            0.1,
            [NO, NO, NO, YES, YES],
        ),
    ],
)
def test_answers_follow_from_intervals(given: dict, survives: float, answers: list[str]) -> None:
    card = make_card("a", table_of(**given), report_of(survives), "attention")
    assert [finding.answer for finding in card.findings.values()] == answers
    reason, learned = card.may + card.may_not, "has learned"
    assert len(reason) == 7
    assert any(learned in each for each in card.may) == (answers[2] == YES)
    assert any("what the answer was made from" in each for each in card.may) == (
        answers[:2] == [YES, YES]
    )
    assert (
        "0 % with the map the same everywhere" in card.findings["used"].text
        or given["spatial"].any()
    )


def test_what_was_not_measured_may_not_be_concluded() -> None:
    table = MeasureTable(videos=[], values={"grad_cam": {}})
    card = make_card("a", table, None, "grad_cam")
    assert {finding.answer for finding in card.findings.values()} == {UNKNOWN}
    assert not card.may


def test_the_page_escapes_and_holds_the_clips() -> None:
    table = table_of(spatial=NONE, temporal=NONE, random=0, differences=0, left=0)
    card = make_card("<b>@may@", table, report_of(0), "attention")
    page = card.html(about="a & b", clips='<p class="x">@findings@</p></script>')
    assert "<h1>&lt;b&gt;@may@</h1>" in page
    assert "a &amp; b" in page
    held = re.search(r'<script type="application/json" id="clips">(.*)</script>', page)
    assert held is not None
    assert json.loads(held[1]) == '<p class="x">@findings@</p></script>'
    assert page.count("</script>") == 2
    assert page.count("<section>") == 5 + 2


def test_a_browser_shows_the_clips(browser: Any, tmp_path: Path) -> None:
    table = table_of(spatial=NONE, temporal=NONE, random=0, differences=0, left=0)
    card = make_card("a", table, None, "attention")
    path = tmp_path / "card.html"
    clips = "<p id=x></p><script>x.textContent = 'plays'; history.pushState(0, '', '#a')</script>"
    path.write_text(card.html(about="", clips=clips), encoding="utf-8")
    errors: list[Any] = []
    page = browser.new_page()
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(path.as_uri())
    page.frame_locator("#players").get_by_text("plays").wait_for(timeout=20_000)
    assert not errors
