"""The page's edit mode: a real browser, mouse, touch and keys; its file is read by the data set."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmaction.datasets.edits import (
    between,
    decode_mask,
    encode_mask,
    read_edits,
    write_edits,
)
from mmaction.explain.gallery import write_gallery
from mmaction.explain.page.embed import page_part
from mmaction.explain.writer import ExplanationWriter
from tests.explain.test_page import PHONE, Open, open_page, pixels  # noqa: F401  a fixture

SHOWN = (0.5, 0.0, 0.0, 1.0)  # the left half of the frame, mirrored


@pytest.fixture
def path(tmp_path: Path, make_explanation: Callable[..., Any]) -> Path:
    """A video of six frames, 1, 4 … 16, of 48×64 pixels."""
    writer = ExplanationWriter(out_dir=tmp_path)
    numbers = np.arange(6) * 3 + 1
    writer.write([[make_explanation(name="a", clip_len=6, frame_indices=numbers, region=SHOWN)]])
    return write_gallery(tmp_path, "Edits", entries=writer.entries)


def at(page: Any, canvas: str, x: float, y: float) -> tuple[float, float]:
    box = page.locator(f"#{canvas}").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def saved(page: Any, out: Path) -> dict[str, Any]:
    with page.expect_download() as download:
        page.locator("#save").click()
    assert download.value.suggested_filename == "edits.json"
    download.value.save_as(out)
    return json.loads(out.read_text())["videos"]


def test_paint_drag_undo_and_save(open_page: Open, path: Path, tmp_path: Path) -> None:  # noqa: F811
    page = open_page(path, accept_downloads=True)
    page.locator("#video").wait_for()
    page.keyboard.press("d")
    page.keyboard.press("Home")
    page.locator("#brush").fill("20")
    page.mouse.move(*at(page, "overlay", 0.2, 0.5))
    page.mouse.down()
    page.mouse.up()
    page.keyboard.press("2")
    page.mouse.click(*at(page, "frame", 0.8, 0.2))
    page.keyboard.press("End")
    page.locator("#overlay").focus()
    page.keyboard.press("1")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")
    page.locator("#rest").check()
    for _ in range(2):
        page.mouse.click(*at(page, "frame", 0.5, 0.9))
        page.keyboard.press("z")
    page.locator("#previous").click()
    page.screenshot(path=tmp_path / "edit.png")
    bars = page.locator("#bars").bounding_box()
    page.mouse.move(bars["x"] + bars["width"] * 1.5 / 6, bars["y"] + 1)
    page.mouse.down()
    page.mouse.move(bars["x"] + bars["width"] * 2.5 / 6, bars["y"] + 1)
    page.mouse.up()
    assert page.locator("#scrubber").input_value() == "2"
    page.keyboard.press("-")

    said = saved(page, tmp_path / "edits.json")["a"]
    edit = read_edits(tmp_path / "edits.json")["a"]
    assert [key.frame for key in edit.where] == [1, 16]
    assert said["when"] == [[3, 5, 1], [6, 8, 0.9]]
    rows, columns = edit.size
    assert (rows, columns) == (36, 96)  # of 48×128 pixels
    # Mirrored: what is at the left of the picture lies at the right of the half that it shows.
    for kind, key, x, y in (("look", 0, 0.2, 0.5), ("away", 0, 0.8, 0.2), ("look", 1, 0.8, 0.5)):
        mask = decode_mask(getattr(edit.where[key], kind), edit.size)
        row, column = np.argwhere(mask).mean(axis=0) + 0.5
        assert row / rows == pytest.approx(y, abs=0.03)
        assert column / columns == pytest.approx(0.5 * (1 - x), abs=0.02)
        side = np.sqrt(4 * mask.sum() / np.pi)  # a disc, a fifth of 64 pixels wide
        assert side == pytest.approx(0.2 * 48, rel=0.15)
    assert edit.where[1].away == "rest"


def test_a_finger_paints_and_masks_between_are_the_data_set_s(open_page: Open, path: Path) -> None:  # noqa: F811
    page = open_page(path, "#video=a", **PHONE)
    page.locator("#video").wait_for()
    page.locator("#edit").tap()
    page.locator("#scrubber").fill("0")
    page.locator("#overlay").scroll_into_view_if_needed()
    page.touchscreen.tap(*at(page, "overlay", 0.3, 0.3))
    page.locator("#scrubber").fill("5")
    page.locator("#brush").fill("40")
    page.locator("#overlay").scroll_into_view_if_needed()
    page.touchscreen.tap(*at(page, "overlay", 0.7, 0.7))
    assert page.locator("#keys").text_content() == "Key frames: 1, 16."
    page.locator("#scrubber").fill("0")
    page.locator("#copy").tap()
    assert page.locator("#keys").text_content() == "Key frames: 1, 4, 7, 10, 13, 16."
    page.locator("#undo").tap()
    assert page.locator("#keys").text_content() == "Key frames: 1, 16."
    # What is shown between key frames is what the data set makes of it.
    functions = page_part("edit_file.js")
    rng = np.random.default_rng(0)
    for share in (0.0, 0.3, 0.5, 1.0):
        first, last = rng.random((2, 9, 7)) < 0.2
        masks = [mask.astype(int).ravel().tolist() for mask in (first, last)]
        found, lengths = page.evaluate(
            "([text, a, b, share]) => (0, eval)(`(() => { ${text}; return (a, b, share) => {"
            " const mask = between(Uint8Array.from(a), Uint8Array.from(b), share, 9, 7);"
            " return [[...mask], runLengths(mask, 9, 7)]; }; })()`)(a, b, share)",
            [functions, *masks, share],
        )
        expected = between(first, last, share)
        np.testing.assert_array_equal(np.reshape(found, (9, 7)), expected)
        assert lengths == encode_mask(expected)


def test_before_lies_beside_after(open_page: Open, path: Path, make_explanation: Any) -> None:  # noqa: F811
    writer = ExplanationWriter(out_dir=path.parent / "both")
    views = [
        make_explanation(name="b", method=method, target=target, seed=target)
        for method, target in (("after", 1), ("before", 2))
    ]
    views[1].spatial[:] = views[1].spatial[::-1].copy()
    writer.write([views])
    page = open_page(write_gallery(writer.out_dir, "Both", entries=writer.entries))
    page.locator("#video").wait_for()
    assert page.locator("#where").text_content() == "Where it looked: after, for class 1"
    assert page.locator("#where-else").text_content() == "Where it looked: before, for class 2"
    after, before = pixels(page, "overlay"), pixels(page, "beside")
    assert after.shape == before.shape
    assert np.abs(after.astype(int) - before).mean() > 5
    page.screenshot(path=path.parent / "beside.png")


def test_a_saved_file_is_opened_again(open_page: Open, path: Path, tmp_path: Path) -> None:  # noqa: F811
    mask = np.zeros((12, 16), bool)
    mask[2:5, 9:14] = True
    said = {
        "a": {
            "where": [{"frame": 1, "look": encode_mask(mask)}, {"frame": 9, "away": "rest"}],
            "when": [[0, 5, 0.5], [4, 16, 1.0]],
        },
        "of another page": {"where": [], "when": [[1, 2, 0.25]]},
    }
    write_edits(tmp_path / "before.json", said)
    page = open_page(path, accept_downloads=True)
    page.locator("#video").wait_for()
    page.keyboard.press("d")
    page.locator("#edits-file").set_input_files(tmp_path / "before.json")
    expect = page.locator("#keys")
    expect.filter(has_text="Key frames: 1, 9. Edits of 2 videos opened.").wait_for()
    assert saved(page, tmp_path / "after.json") == said
    page.locator("#scrubber").fill("0")
    page.locator("#unweigh").click()  # of frame 1, so the first interval
    page.locator("#brush").fill("10")
    page.mouse.click(*at(page, "overlay", 0.1, 0.9))
    after = saved(page, tmp_path / "after.json")
    assert after["a"]["when"] == [[4, 16, 1.0]]
    painted = decode_mask(after["a"]["where"][0]["look"]["counts"], (12, 16))
    assert painted[mask].all()
    assert painted.sum() > mask.sum()
    # What was edited here stays; a file that is none is refused.
    page.locator("#edits-file").set_input_files(tmp_path / "before.json")
    expect.filter(has_text="Edits of 0 videos opened; 2 that were edited here stay.").wait_for()
    (tmp_path / "wrong.json").write_text('{"edits": 2}')
    page.locator("#edits-file").set_input_files(tmp_path / "wrong.json")
    expect.filter(has_text="wrong.json can't be opened: expected").wait_for()
    assert saved(page, tmp_path / "last.json") == after


def test_a_file_that_only_looks_away_is_painted_on(
    open_page: Open,  # noqa: F811
    path: Path,
    tmp_path: Path,
) -> None:
    said = {"a": {"where": [{"frame": 1, "away": "rest"}], "when": []}}
    write_edits(tmp_path / "before.json", said)
    page = open_page(path, accept_downloads=True)
    page.locator("#video").wait_for()
    page.keyboard.press("d")
    page.locator("#edits-file").set_input_files(tmp_path / "before.json")
    page.locator("#keys").filter(has_text="Edits of 1 videos opened.").wait_for()
    page.locator("#scrubber").fill("0")
    page.mouse.click(*at(page, "overlay", 0.5, 0.5))
    saved(page, tmp_path / "after.json")
    [key] = read_edits(tmp_path / "after.json")["a"].where
    assert decode_mask(key.look, (36, 96)).any()
    assert key.away == "rest"
