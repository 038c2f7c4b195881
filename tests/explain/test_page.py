"""The page as people use it: a real browser, a real mouse, real keys, opened from disk."""

from __future__ import annotations

import base64
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mmaction.explain.colormap import color_table, resize_maps
from mmaction.explain.gallery import Entry, Sample, write_gallery
from mmaction.explain.page.video_data import quantise, write_player, write_thumbnail
from mmaction.explain.records import as_probabilities
from mmaction.explain.writer import ExplanationWriter

CLASSES = ["bend", "jack", "wave", "walk", "run", "skip", "</script><script>alert(1)</script>"]
HOSTILE = [
    *("</script><script>alert(1)<", "<img src=x onerror=alert(1)>", "a\"b'c&amp;", "c:d", "--out"),
    *("50% of #1?x=1", "Žižek 漢字 \u202eabc", "line\u2028feed\u2029", "${alert(1)}`", "a/b c/d"),
    *("back\\slash", "half \udcff surrogate", "@data@ @title@", "x" * 200),
]
PHONE = dict(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
DESKTOP = dict(viewport={"width": 1440, "height": 900})
UHD = dict(viewport={"width": 3840, "height": 2160})
Open = Callable[..., Any]


@pytest.fixture
def open_page(browser: Any) -> Iterator[Open]:
    """``open_page(path, **context)`` opens a page; at the end nothing may have gone wrong in it."""
    contexts, wrong = [], []

    def allow(route: Any) -> None:
        if not route.request.url.startswith(("file:", "data:")):
            wrong.append(f"request {route.request.url}")
        route.continue_()

    def open_(path: Path, hash_: str = "", *, forgive: bool = False, **options: Any) -> Any:
        context = browser.new_context(**{**DESKTOP, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.route("**/*", allow)
        page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        if not forgive:
            page.on("console", lambda message: wrong.append(message.text))
            page.on("requestfailed", lambda request: wrong.append(f"failed {request.url[-80:]}"))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(path.as_uri() + hash_)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture(scope="module")
def gallery(tmp_path_factory, make_explanation) -> tuple[Path, dict[str, list]]:
    """Six videos by the writer, right and wrong, and what was written.

    Video 0 has two views and, as video 1, two methods; the others have one of each.
    """
    writer = ExplanationWriter(out_dir=tmp_path_factory.mktemp("page"))
    written = {}
    for number in range(6):
        scores = np.full(7, 0.02, dtype=np.float32)
        scores[number] = 0.5 + number * 0.07
        fields = dict(name=f"video {number}", clip_len=6, scores=scores / scores.sum())
        fields["attention_scores"] = np.roll(fields["scores"], 1)
        fields["label"] = [number, None, (number + 1) % 7][number % 3]
        views = []
        for view in range(1 if number else 2):
            fields["frame_indices"] = np.arange(6) * 3 + 100 * view
            views.append([make_explanation(seed=number, **fields)])
            if number < 2:
                cam = make_explanation(seed=number + 50, cells=(5, 7), **fields)
                spatial = cam.spatial[:, ::-1] * 20 - 3
                views[-1].append(replace(cam, spatial=spatial, method="grad_cam", target=number))
        writer.write(views, fps=10)
        written[f"video {number}"] = views
    page = write_gallery(writer.out_dir, "Where & <when>", entries=writer.entries, classes=CLASSES)
    return page, written


@pytest.fixture(scope="module")
def video(gallery) -> list:
    return gallery[1]["video 0"]


@pytest.fixture
def page(open_page, gallery) -> Any:
    """The gallery, its first video open."""
    page = open_page(gallery[0])
    page.locator("#video").wait_for()
    return page


def shown(page: Any) -> list[str]:
    return page.locator(".video b").all_text_contents()


def frame(page: Any) -> int:
    return int(page.locator("#scrubber").input_value())


def pixels(page: Any, canvas: str) -> np.ndarray:
    """uint8, H×W×3."""
    url = page.locator(f"#{canvas}").evaluate("canvas => canvas.toDataURL()")
    png = np.frombuffer(base64.b64decode(url.partition(",")[2]), dtype=np.uint8)
    return cv2.imdecode(png, cv2.IMREAD_COLOR)[..., ::-1]


def strongest(view: Any) -> int:
    return int(np.argmax(view.temporal))


def test_the_first_video_is_open_with_its_facts(page, video):
    assert page.title() == "Where & <when>"
    assert page.locator("#summary").text_content() == "6 videos, 2 of 4 right (50.0 %)"
    assert shown(page) == [f"video {n}" for n in range(6)]
    assert page.locator("#name").text_content() == "video 0"
    facts = page.locator("#facts").inner_text()
    assert re.search(r"true class\s+bend\s+prediction\s+bend\s*80\.6 %\s*✓ right", facts), facts
    assert re.search(r"attention branch\s+jack\s*80\.6 %", facts), facts
    assert frame(page) == strongest(video[0][0]) == 5
    assert "Frame 15" in page.locator("figcaption").first.text_content()


def test_clicks_choose_videos_and_the_address_follows(page, open_page, gallery):
    page.get_by_role("option", name="video 3").click()
    page.locator("#name", has_text="video 3").wait_for()
    assert page.locator('[aria-selected="true"]').count() == 1
    assert page.evaluate("location.hash") == "#video=video%203"
    again = open_page(gallery[0], "#video=video%203")
    again.locator("#name", has_text="video 3").wait_for()
    page.go_back()
    page.locator("#name", has_text="video 0").wait_for()


def test_keys_reach_everything(page):
    press = page.keyboard.press
    press("Home")
    for key, expected in [("ArrowRight", 1), ("End", 5), ("ArrowRight", 0), ("ArrowLeft", 5)]:
        press(key)
        assert frame(page) == expected, key
    assert "frame 15, 6 of 6, weight" in page.locator("#live").text_content()
    press("Home")
    assert frame(page) == 0
    for key, name in [("j", 1), ("ArrowDown", 2), ("ArrowUp", 1), ("k", 0), ("k", 0)]:
        press(key)
        page.locator("#name", has_text=f"video {name}").wait_for()
    press("e")
    assert "grad_cam, for bend" in page.locator("#where").text_content()
    press("Home")
    press("v")
    page.locator("#number", has_text="100").wait_for()
    press("c")
    assert page.locator("#colormap").input_value() == "jet"
    press("]")
    assert page.locator("#opacity-value").text_content() == "70 %"
    press("/")
    page.keyboard.type("j k")
    assert page.locator("#text").input_value() == "j k"
    assert shown(page) == []
    press("Escape")
    assert page.evaluate("document.activeElement.id") == "videos"
    press("?")
    assert page.locator("#help").is_visible()
    press("j")
    press("Escape")
    assert not page.locator("#help").is_visible()
    assert page.locator("#name").text_content() == "video 0"


def test_keys_of_controls_stay_theirs(page):
    page.locator("#colormap").focus()
    page.keyboard.press("ArrowDown")
    page.locator("#play").focus()
    page.keyboard.press("Space")
    assert page.locator("#play").get_attribute("aria-label") == "Pause"
    page.keyboard.press("Space")
    assert page.locator("#play").get_attribute("aria-label") == "Play"
    assert page.locator("#name").text_content() == "video 0"
    page.locator("#scrubber").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert frame(page) == 1


def test_filters(page):
    def after(act: Callable[[], Any]) -> list[int]:
        page.locator("#clear").evaluate("button => button.click()")
        act()
        return [int(name.split()[1]) for name in shown(page)]

    text = page.locator("#text")
    assert after(lambda: text.fill("EO 3")) == [3]
    assert after(lambda: text.fill("jack")) == [1]
    # Videos 2 and 5 are wrong, 1 and 4 have no label.
    assert after(lambda: page.locator("#wrong").check()) == [2, 5]
    assert page.locator("#count").text_content() == "2 of 6 shown"
    # Class 3 is the prediction of video 3 and the truth of videos 2 and 3.
    assert after(lambda: page.locator("#class").select_option(label="walk")) == [2, 3]
    # Probabilities: p / (p + 6 × 0.02), p = 0.5 + 0.07 n.
    expected = [100 * p / (p + 0.12) for p in (0.5 + 0.07 * n for n in range(6))]
    least = (expected[1] + expected[2]) / 2
    most = (expected[4] + expected[5]) / 2
    assert after(lambda: page.locator("#least").fill(f"{least:.4f}")) == [2, 3, 4, 5]
    assert after(lambda: page.locator("#most").fill(f"{most:.4f}")) == [0, 1, 2, 3, 4]
    assert after(lambda: page.locator("#sort").select_option("sure")) == [5, 4, 3, 2, 1, 0]
    assert after(lambda: page.locator("#sort").select_option("unsure")) == [0, 1, 2, 3, 4, 5]
    # Truths: 0, –, 3, 3, –, 6.
    assert after(lambda: page.locator("#sort").select_option("class")) == [0, 2, 3, 5, 1, 4]
    assert after(lambda: page.locator("#least").fill("")) == [0, 1, 2, 3, 4, 5]
    assert after(lambda: text.fill("nothing")) == []
    page.locator("#clear").click()
    assert len(shown(page)) == 6


def test_bars_are_as_high_as_the_weights_and_lead_to_frames(page, video):
    weights = video[0][0].temporal
    bars = page.locator("#bars button")
    heights = np.array([bars.nth(n).locator("i").bounding_box()["height"] for n in range(6)])
    np.testing.assert_allclose(heights / heights.max(), weights / weights.max(), atol=0.02)
    assert page.locator("#bars b").all_text_contents() == [f"{w:.2f}" for w in weights]
    assert page.locator("#bars u").all_text_contents() == [f"{3 * n}" for n in range(6)]
    bars.nth(4).click()
    assert frame(page) == 4
    assert page.locator('#bars [aria-pressed="true"]').count() == 1
    assert bars.nth(4).get_attribute("aria-pressed") == "true"
    assert bars.nth(4).get_attribute("aria-label") == f"frame 12, weight {weights[4]:.2f}"
    box = page.locator("#bars").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 5, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 2.5 / 6, middle, steps=4)
    assert frame(page) == 2
    page.mouse.up()
    page.keyboard.press("Space")  # the chart has not taken the focus
    assert page.locator("#play").get_attribute("aria-label") == "Pause"


@pytest.mark.parametrize("colormap", ["viridis", "jet"])
def test_the_overlay_is_the_map_resized_as_numbers_then_coloured(page, video, colormap):
    """At full opacity every pixel is the colour of the map resized on the clip's one scale."""
    page.locator("#opacity").fill("100")
    page.locator("#colormap").select_option(colormap)
    levels = quantise(video[0][0].spatial)
    for index in (0, 3):
        page.locator("#scrubber").fill(str(index))
        found = pixels(page, "overlay")
        resized = resize_maps(levels, *found.shape[:2])[index]
        expected = color_table(colormap)[np.rint(resized).astype(int)]
        difference = np.abs(found.astype(int) - expected).max(axis=-1)
        # A level may round either way.
        step = np.abs(np.diff(color_table(colormap).astype(int), axis=0)).max()
        assert difference.max() <= step
        assert (difference == 0).mean() > 0.98


def test_frames_and_opacity(page, video):
    page.locator("#scrubber").fill("2")
    page.locator("#opacity").fill("0")
    picture, overlaid = pixels(page, "frame"), pixels(page, "overlay")
    assert picture.shape == overlaid.shape
    original = video[0][0].frames[2]
    height, width = picture.shape[:2]
    assert width / height == pytest.approx(64 / 48, rel=0.01)
    centre = picture[height // 2, width // 2].astype(int)
    np.testing.assert_allclose(centre, original[24, 32].astype(int), atol=12)
    assert np.ptp(overlaid.astype(int), axis=-1).max() <= 1  # grey
    gray = picture @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(overlaid[..., 0].mean(), gray.mean(), atol=2)


def test_the_scale_is_the_clips_and_its_numbers_are_the_maps(page, video):
    attention, cam = video[0]
    for each, method in ((attention, "attention"), (cam, "grad_cam")):
        page.get_by_label(method).check()
        low, high = page.locator("#low").text_content(), page.locator("#high").text_content()
        assert float(low) == pytest.approx(each.spatial.min(), abs=0.005)
        assert float(high) == pytest.approx(each.spatial.max(), abs=0.005)
        assert f"from {low} to {high}" in page.locator("#scale").get_attribute("aria-label")
        before = low, high
        page.keyboard.press("Home")
        page.keyboard.press("End")
        assert (page.locator("#low").text_content(), page.locator("#high").text_content()) == before
    np.testing.assert_array_equal(pixels(page, "color-bar")[0], color_table("viridis"))


def test_switching_keeps_the_frame_and_changes_maps_and_files(page, video, gallery):
    page.locator("#scrubber").fill("3")
    before = pixels(page, "overlay")
    page.get_by_label("grad_cam").check()
    assert frame(page) == 3
    assert (pixels(page, "overlay") != before).any()
    page.locator("#views input").nth(1).check()
    page.locator("#number", has_text="109").wait_for()
    assert "grad_cam" in page.locator("#where").text_content()
    links = page.locator("#files a").evaluate_all("links => links.map(link => link.href)")
    folder = gallery[0].parent / "video 0" / "view_02"
    expected = ["sheet.grad_cam.png", "clip.grad_cam.mp4", "explanation.grad_cam.npz"]
    assert links == [(folder / name).as_uri() for name in expected]
    assert all((folder / name).is_file() for name in expected)
    page.keyboard.press("j")
    page.locator("#name", has_text="video 1").wait_for()
    assert "grad_cam" in page.locator("#where").text_content()


def test_it_plays_at_the_clips_rate_round_and_round(page):
    """By a clock that the test sets: a frame comes each 100 ms, 7 of them in 750 ms."""
    page.clock.install(time=0)
    page.clock.pause_at(1000)

    def passed(milliseconds: int) -> int:
        page.locator("#play").click()
        page.clock.run_for(20)  # it begins with the next picture of the screen
        start = frame(page)
        page.clock.run_for(milliseconds)
        page.locator("#play").click()
        return (frame(page) - start) % 6

    assert passed(750) == 7 - 6
    assert page.locator("#rate").text_content() == "10 frames/s"
    page.locator("#speed").select_option("0.5")
    assert page.locator("#rate").text_content() == "5 frames/s"
    assert passed(750) == 3
    stopped = frame(page)
    page.clock.run_for(300)
    assert frame(page) == stopped


def test_scores_of_both_branches_beside_the_truth(page, video):
    rows = page.locator("#scores tbody tr")
    scores = as_probabilities(video[0][0].scores)
    assert rows.count() == 5
    first = rows.first.inner_text().split()
    assert first[0] == "bend"
    assert "truth" in first
    assert f"{100 * scores[0]:.1f}" in first
    page.locator("#more-scores").click()
    assert rows.count() == 7
    assert page.evaluate("document.activeElement.id") == "more-scores"
    assert CLASSES[6] in page.locator("#scores th[scope=row]").all_text_contents()


def overflow(page: Any) -> int:
    return page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


@pytest.mark.parametrize("options", [PHONE, DESKTOP, UHD], ids=["phone", "desktop", "4k"])
def test_nothing_is_wider_than_the_screen(open_page, gallery, options):
    page = open_page(gallery[0], **options)
    page.locator(".video").first.wait_for()
    assert overflow(page) == 0
    page.locator(".video").first.click()
    page.locator("#video").wait_for()
    page.wait_for_timeout(200)
    assert overflow(page) == 0
    left, right = (page.locator(f"#{name}").bounding_box() for name in ("frame", "overlay"))
    assert left["y"] == right["y"]
    assert left["width"] == pytest.approx(right["width"], abs=0.1)
    assert left["width"] > 0.29 * min(options["viewport"]["width"], 1000)
    assert left["height"] < 0.75 * options["viewport"]["height"]
    sides = page.evaluate(
        """() => [...document.querySelectorAll("#player *")].filter(each => {
        const { left, right, width } = each.getBoundingClientRect();
        return width && !each.closest(".hidden") && (left < -1 || right > innerWidth + 1); })
        .map(each => each.outerHTML.slice(0, 80))"""
    )
    assert sides == []


def test_on_a_phone_one_room_at_a_time(open_page, gallery):
    page = open_page(gallery[0], **PHONE)
    assert not page.locator("#player").is_visible()
    page.get_by_role("option", name="video 2").tap()
    page.locator("#video").wait_for()
    assert not page.locator("#list-room").is_visible()
    at = frame(page)
    page.locator("#next").tap()
    assert frame(page) == (at + 1) % 6
    small = page.locator("button:visible, select:visible").evaluate_all(
        "all => all.filter(one => !one.closest('#bars') && one.getBoundingClientRect().height < 40)"
        ".map(one => one.id)"
    )
    assert small == []
    page.locator("#back").tap()
    assert page.locator("#list-room").is_visible()
    assert not page.locator("#player").is_visible()


def test_a_page_that_gets_its_width_late_opens_the_first_video(open_page, gallery):
    page = open_page(gallery[0], **PHONE)
    page.set_viewport_size(DESKTOP["viewport"])
    page.locator("#video").wait_for()


def test_hostile_names_are_text_and_their_files_are_found(open_page, make_explanation, tmp_path):
    writer = ExplanationWriter(out_dir=tmp_path / "a b#c?d%20e")
    for number, name in enumerate(HOSTILE):
        scores = np.eye(7, dtype=np.float32)[6 - number % 2]
        fields = {"name": name, "scores": scores, "attention_scores": scores, "label": 6}
        writer.write([[make_explanation(clip_len=2, size=(16, 16), **fields)]])
    path = write_gallery(
        writer.out_dir, "</title><script>alert(1)</script>", entries=writer.entries, classes=CLASSES
    )
    page = open_page(path)
    page.locator("#video").wait_for()
    replaced = [name.replace("\udcff", "\ufffd") for name in sorted(HOSTILE)]
    assert [name.replace("\udcff", "\ufffd") for name in shown(page)] == replaced
    for name in replaced:
        page.wait_for_function(
            "name => document.getElementById('name').textContent.toWellFormed() === name", arg=name
        )
        src = page.locator('.video[aria-selected="true"] img').evaluate("image => image.src")
        assert src.startswith("file:")
        page.wait_for_function(
            """() => { const image = document.querySelector('.video[aria-selected="true"] img');
            return image.complete && image.naturalWidth > 0; }"""
        )
        page.keyboard.press("j")
    assert page.locator("script").count() == 2
    assert overflow(page) == 0


def test_five_hundred_videos_open_in_two_seconds(open_page, make_explanation, tmp_path):
    explanation = make_explanation(clip_len=16, answers=12)
    made = tmp_path / "made"
    made.mkdir()
    write_thumbnail(explanation, made / "thumb.jpg")
    entries = []
    for number in range(500):
        name = f"video {number:03d}"
        shutil.copytree(made, tmp_path / name)
        entries.append(Entry(name, name, number % 12, number % 11, (number % 97) / 97))
    write_player([[explanation]], tmp_path / "video 000" / "player.js", fps=8)
    write_player([[explanation]], tmp_path / "video 300" / "player.js", fps=8)
    path = write_gallery(tmp_path, "many", entries=entries)
    assert path.stat().st_size < 300_000
    elapsed = []
    while not elapsed or (min(elapsed) >= 2 and len(elapsed) < 5):  # others may keep it waiting
        start = time.monotonic()
        page = open_page(path)
        page.locator("#video").wait_for()
        elapsed.append(time.monotonic() - start)
    assert min(elapsed) < 2
    assert page.locator("#count").text_content() == "500 shown"
    images = page.evaluate(
        "performance.getEntriesByType('resource').filter(one => one.name.includes('thumb')).length"
    )
    assert images < 100
    page.locator("#text").fill("video 3")
    assert page.locator("#count").text_content() == "100 of 500 shown"
    page.keyboard.press("Enter")
    page.locator("#text").fill("")
    page.locator("#videos").focus()
    page.locator("#videos").evaluate("box => { box.scrollTop = box.scrollHeight; }")
    page.locator(".video").nth(100).wait_for(state="attached")


def test_a_video_whose_data_is_gone_is_named(open_page, gallery, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(gallery[0].parent, folder)
    (folder / "video 1" / "player.js").unlink()
    (folder / "video 2" / "player.js").write_text("explained({", encoding="ascii")
    page = open_page(folder / "index.html", "#video=video%201", forgive=True)
    page.locator("#message", has_text="video 1 can't be loaded").wait_for()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.get_by_role("option", name="video 3").click()
    page.locator("#name", has_text="video 3").wait_for()
    assert not page.locator("#message").is_visible()
    page.goto((folder / "index.html").as_uri() + "#video=elsewhere")
    page.locator("#message", has_text="no such video").wait_for()


def test_a_video_written_again_is_told_apart(open_page, gallery, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(gallery[0].parent, folder)
    shutil.copy(folder / "video 4" / "player.js", folder / "video 0" / "player.js")
    page = open_page(folder / "index.html")
    page.locator("#notice", has_text="written again").wait_for()


COLORS = (
    *("ground", "card", "chosen", "track", "ink", "faint", "accent", "on-accent"),
    *("right", "wrong", "bar", "now", "control"),
    *(SERIES := [f"series-{place}" for place in range(5)]),
)


def luminance(color: str) -> float:
    """WCAG 2.1's relative luminance."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrasts(open_page, gallery, scheme):
    page = open_page(gallery[0], color_scheme=scheme, reduced_motion="reduce")
    read = "name => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim()"
    color = {name: luminance(page.evaluate(read, name)) for name in COLORS}

    def contrast(one: str, other: str) -> float:
        bright, dark = sorted((color[one], color[other]), reverse=True)
        return (bright + 0.05) / (dark + 0.05)

    for ground in ("ground", "card", "chosen"):
        for text in ("ink", "accent", "right", "wrong"):
            assert contrast(text, ground) >= 4.5, (text, ground)
    for ground in ("ground", "card"):
        assert contrast("faint", ground) >= 4.5, ground
    assert contrast("on-accent", "accent") >= 4.5
    # Of what is no text: WCAG asks for 3.
    for shape in ("bar", "now", "control", *SERIES):
        assert contrast(shape, "card") >= 3, shape
    assert contrast("bar", "track") >= 3
    moves = page.locator("#bars i").first.evaluate(
        "bar => getComputedStyle(bar).transitionDuration"
    )
    assert moves == "0s"


def test_every_control_has_a_name_and_the_focus_goes_in_order(page):
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, a, canvas[role]")]
        .filter(each =>
        !(each.getAttribute("aria-label") || each.textContent.trim() || each.labels?.length))
        .map(each => each.outerHTML)"""
    )
    assert unnamed == []
    page.locator("#help-button").focus()
    order = []
    for _ in range(12):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id || document.activeElement.name"))
    start = ["text", "wrong", "class", "least", "most", "sort", "videos"]
    # Then explainers, views, playing.
    assert order == [*start, "methods", "views", "play", "previous", "next"]
    headings = page.locator("h1:visible, h2:visible, h3:visible").evaluate_all(
        "all => all.map(one => one.tagName)"
    )
    assert headings[0] == "H1"
    assert headings.count("H2") == 1


def test_the_film_plays(browser, gallery, tmp_path):
    page = browser.new_page()
    holder = gallery[0].parent / "film.html"
    holder.write_text('<video src="video%200/clip.mp4" muted></video>')
    page.goto(holder.as_uri())
    played = page.evaluate(
        """async () => { const film = document.querySelector("video");
        if (!film.canPlayType('video/mp4; codecs="avc1.640028"')) return "no H.264";
        await film.play(); await new Promise(ended => film.addEventListener("ended", ended));
        return [film.error, film.duration, film.videoWidth % 2, film.videoHeight % 2]; }"""
    )
    page.close()
    if played == "no H.264":
        pytest.skip("this browser was built without H.264")
    assert played == [None, pytest.approx(0.6, abs=0.02), 0, 0]


@pytest.fixture
def samples_page(tmp_path: Path) -> Path:
    """Videos of hostile names that nobody has explained, two samples each, the second one bad."""
    assert cv2.imwrite(str(tmp_path / "a b.png"), np.zeros((60, 900, 3), dtype=np.uint8))
    entries = []
    for number, text in enumerate(HOSTILE):
        samples = [
            Sample(text, [("a b.png", text)], [text]),
            Sample("epoch 1", errors=[text] if number % 2 else []),
        ]
        entries.append(Entry(text, f"{number}", None, facts=[(text, text)], samples=samples))
    return write_gallery(tmp_path, HOSTILE[0], entries=entries, summary=HOSTILE[1], ranked=True)


@pytest.mark.parametrize("options", [PHONE, DESKTOP])
def test_samples_that_nobody_has_explained(open_page, samples_page, options):
    page = open_page(samples_page, "#video=0", **options)
    page.locator("#samples img").wait_for()
    assert page.locator("#summary").text_content() == HOSTILE[1]
    assert page.locator("#name").text_content() == HOSTILE[0]
    assert page.locator("#facts").text_content() == 2 * HOSTILE[0]
    assert page.locator("#samples section").count() == 2
    assert page.locator("#samples .note").text_content() == HOSTILE[0]
    picture = page.locator("#samples img")
    assert picture.get_attribute("alt") == HOSTILE[0]
    assert picture.evaluate("image => image.naturalWidth") == 900
    assert picture.evaluate("image => image.width") > 250
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not page.locator(".stage").is_visible()


def test_keys_and_filters_of_samples(open_page, samples_page):
    page = open_page(samples_page)
    bad = [
        verdict == "✗ can’t be read" for verdict in page.locator(".video .mark").all_inner_texts()
    ]
    assert bad == [number % 2 == 1 for number in range(len(HOSTILE))]
    for key in "wevc[] ":  # of players
        page.keyboard.press(key)
    assert len(shown(page)) == len(HOSTILE)
    page.keyboard.press("j")
    page.locator("#samples .error").wait_for()
    assert page.locator("#name").text_content() == HOSTILE[1]
    assert page.locator("#samples .error").text_content() == HOSTILE[1]
    page.keyboard.press("?")
    assert page.locator("#help dl > div:visible").count() == 3
    page.keyboard.press("Escape")
    assert not page.locator("#least").is_visible()
    page.locator("#text").fill("c:d")
    assert shown(page) == ["c:d"]
