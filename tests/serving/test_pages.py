"""The page in a real browser: a video is dropped, the player answers."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmaction.inference import Recognition, VideoRecognizer
from tests.explain.test_page import DESKTOP
from tests.frame_fixtures import write_film

DROP = """([name, data]) => {
  const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type: "video/mp4" }));
  return transfer;
}"""

TONES = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return new Set(data).size;
}"""


@pytest.fixture
def page(browser: Any, server: Any) -> Iterator[Any]:
    """The server's page; nothing may go wrong in it, nor may it ask anyone else."""
    wrong: list[str] = []
    page = browser.new_page(**DESKTOP)
    page.set_default_timeout(120_000)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text))
    page.on("request", lambda request: _note(request.url, wrong))
    page.goto(server.url)
    yield page
    page.close()
    assert [text for text in wrong if "415" not in text and "401" not in text] == []


def _note(url: str, wrong: list[str]) -> None:
    if not url.startswith(("http://127.0.0.1:", "data:", "blob:")):
        wrong.append(url)


def drop(page: Any, name: str, content: bytes) -> None:
    given = [name, base64.b64encode(content).decode()]
    transfer = page.evaluate_handle(DROP, given)
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})


def test_a_dropped_video_is_shown_with_scores_and_attention(
    page: Any, server: Any, recognizer: VideoRecognizer, tmp_path: Path
) -> None:
    film = write_film(tmp_path / "film.mp4", 50, step=5)
    name = "<b>film & co.mp4"
    drop(page, name, film.read_bytes())
    player = page.frame_locator("#answer")
    player.locator("#video").wait_for()
    label, probability = recognizer(film).top(1)[0]
    assert player.locator("h1").text_content() == name
    assert f"{label}, {100 * probability:.1f} %" == player.locator("#summary").text_content()
    assert f"{label} {100 * probability:.1f} %" in player.locator("#facts").inner_text()
    # Scores over time: the whole and its parts of two seconds, the last of which ends with it.
    names = player.locator(".video b").all_inner_texts()
    assert names == ["whole video", "0.0–2.0 s", "2.0–4.0 s", "3.0–5.0 s"]
    shown = player.locator(".video .answer").all_inner_texts()
    for text, part in zip(shown[1:], recognizer.windows(film, window_sec=2.0), strict=True):
        label, probability = part.top(1)[0]
        assert text == f"{100 * probability:.1f} % {label}"
    # Attention over time and over the frame.
    assert player.locator("#bars button").count() == 4
    player.locator(".video").nth(2).click()
    player.locator("#name", has_text="2.0–4.0 s").wait_for()
    assert player.locator("#overlay").evaluate(TONES) > 20
    assert not player.locator("#files").is_visible()
    chart_over_time(page, player, list(recognizer.windows(film, window_sec=2.0, explain=True)))
    assert page.locator("#save").get_attribute("download") == f"{name}.html"
    assert server.leftovers() == []


def chart_over_time(page: Any, player: Any, parts: list[Recognition]) -> None:
    """Its lines stand where the model's probabilities are, and a click goes to that time."""
    chart = player.locator("#timeline-chart")
    legend = player.locator("#timeline-classes li").all_inner_texts()
    assert sorted(legend) == sorted(parts[0].classes)
    assert legend[0] == max(
        legend, key=lambda name: sum(p.as_dict()["probabilities"][name] for p in parts)
    )
    grid = chart.locator("text").evaluate_all(
        "all => all.map(t => [t.textContent, +t.getAttribute('y') - 4])"
    )
    low, high = (dict(grid)[text] for text in ("0 %", "100 %"))
    middles = [(part.seconds[0] + part.seconds[-1]) / 2 for part in parts]
    first, last = parts[0].seconds[0], parts[-1].seconds[-1]
    left, right = chart.locator(".grid").first.evaluate(
        "path => [path.getBBox().x, path.getBBox().x + path.getBBox().width]"
    )
    for place, name in enumerate(legend):
        points = re.findall(
            r"[ML]([\d.]+) ([\d.]+)", chart.locator(f".s{place}").get_attribute("d")
        )
        found = [float(y) for _, y in points]
        expected = [low + (high - low) * p.as_dict()["probabilities"][name] for p in parts]
        assert found == pytest.approx(expected, abs=0.2)
        at = [left + (right - left) * (middle - first) / (last - first) for middle in middles]
        assert [float(x) for x, _ in points] == pytest.approx(at, abs=0.2)
    # Each part's frames that are nearer to its middle than to another's have a bar.
    shown = [
        second
        for number, part in enumerate(parts)
        for second in part.seconds
        if number == int(np.argmin([abs(middle - second) for middle in middles]))
    ]
    assert chart.locator(".weights").get_attribute("d").count("M") == len(shown)
    second = shown[-1]
    box = chart.bounding_box()
    page.mouse.click(
        box["x"] + left + (right - left) * (second - first) / (last - first), box["y"] + 60
    )
    player.locator("#name", has_text="3.0–5.0 s").wait_for()
    at = int(np.argmin(abs(parts[-1].seconds - second)))
    player.locator(f"#position:has-text('{at + 1} / {len(parts[0].seconds)}')").wait_for()
    head = float(chart.locator(".playhead").get_attribute("x1"))
    assert head == pytest.approx(left + (right - left) * (second - first) / (last - first), abs=0.2)
    player.locator(".video").first.click()
    player.locator("#name", has_text="whole video").wait_for()
    assert not chart.locator(".playhead").is_visible()


def test_one_clip_is_shown_without_a_list(page: Any, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    drop(page, "short.mp4", write_film(tmp_path / "short.mp4", 12).read_bytes())
    player = page.frame_locator("#answer")
    player.locator("#video").wait_for()
    assert player.locator("#name").text_content() == "short.mp4"
    assert not player.locator("#list-room").is_visible()
    assert not player.locator("#timeline").is_visible()


def test_what_is_no_video_gets_a_line(page: Any) -> None:
    drop(page, "song.mp4", b"la la la")
    page.locator("#said.error").wait_for()
    assert "song.mp4: it is damaged, cut short or no video" in page.locator("#said").inner_text()
    assert not page.locator("#answer").is_visible()


def test_a_token_is_asked_for_or_comes_by_the_address(
    page: Any, guarded: Any, tmp_path: Path
) -> None:
    film = write_film(tmp_path / "film.mp4", 12).read_bytes()
    answer = page.frame_locator("#answer").locator("#video")
    page.goto(guarded.url)
    drop(page, "film.mp4", film)
    page.locator("#token").fill(guarded.token)
    assert page.locator("#said").inner_text() == "token missing or wrong"
    page.keyboard.press("Enter")
    answer.wait_for()
    page.goto("about:blank")
    page.goto(f"{guarded.url}#token={guarded.token}")
    drop(page, "film.mp4", film)
    answer.wait_for()
    assert not page.locator("#token").is_visible()
