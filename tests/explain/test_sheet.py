import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaction.explain.colormap import OPACITY, color_table
from mmaction.explain.sheet import (
    BAR,
    PEAK,
    RIGHT,
    WRONG,
    bar_heights,
    format_numbers,
    render_frames,
    render_sheet,
    write_png,
)
from mmaction.explain.sheet_layout import BAR_HEIGHT, SheetLayout
from mmaction.explain.sheet_text import LARGE, fitted, font


def drawn(explanation) -> tuple[np.ndarray, SheetLayout]:
    """A sheet from its grid on, found by the colour bar's first row, and its layout."""
    sheet, layout = render_sheet(explanation), SheetLayout(*explanation.frames.shape[:3])
    top, _, left, _ = layout.color_bar
    # Of the header's text, nothing reaches that far in these tests.
    first = np.flatnonzero((sheet[:, left] != 255).any(axis=1))[0]
    return sheet[first - top :], layout


def is_color(pixels: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    return (pixels == color).all(axis=-1)


@pytest.mark.parametrize("clip_len", [1, 3, 8, 9, 16, 32, 50])
def test_bars_are_as_high_as_the_weights(make_explanation, clip_len):
    explanation = make_explanation(clip_len=clip_len)
    grid, layout = drawn(explanation)
    peak = explanation.temporal.argmax()
    for index, weight in enumerate(explanation.temporal):
        top, bottom, left, right = layout.track(index)
        filled = is_color(grid[top:bottom, (left + right) // 2], PEAK if index == peak else BAR)
        assert abs(filled.sum() - BAR_HEIGHT * weight / explanation.temporal.max()) <= 0.5
        assert filled[len(filled) - filled.sum() :].all()  # stands on the ground


def test_the_map_lies_over_the_frame_on_the_clips_scale(make_explanation):
    spatial = np.array([0.3, 0.7], dtype=np.float32).reshape(2, 1, 1)
    black = np.zeros((2, 48, 64, 3), dtype=np.uint8)
    grid, layout = drawn(make_explanation(clip_len=2, spatial=spatial, frames=black))
    for index, level in enumerate((0, 255)):  # on a frame's own scale both would look alike
        _, top, left = layout.pictures(index)
        region = grid[top:, left:][: layout.cell_height, : layout.cell_width]
        assert np.abs(region - OPACITY * color_table()[level]).max() <= 0.51


def test_the_plain_frame_stands_above(make_explanation):
    explanation = make_explanation(clip_len=8, size=(100, 200))
    grid, layout = drawn(explanation)
    width, height = size = (layout.cell_width, layout.cell_height)
    assert width == 2 * height
    for index, frame in enumerate(explanation.frames):
        top, _, left = layout.pictures(index)
        expected = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        np.testing.assert_array_equal(grid[top : top + height, left : left + width], expected)


def test_the_color_bar_runs_from_highest_to_lowest(make_explanation):
    grid, layout = drawn(make_explanation())
    top, bottom, left, right = layout.color_bar
    np.testing.assert_array_equal(grid[top, left], color_table()[255])
    np.testing.assert_array_equal(grid[bottom - 1, right - 1], color_table()[0])


@pytest.mark.parametrize(("label", "shown"), [(0, {RIGHT}), (1, {WRONG}), (None, set())])
def test_right_and_wrong_are_told_apart(make_explanation, label, shown):
    scores = np.array([3, 1, 1], dtype=np.float32)
    sheet = render_sheet(make_explanation(scores=scores, label=label))
    assert {color for color in (RIGHT, WRONG) if is_color(sheet, color).any()} == shown


@settings(deadline=None, max_examples=25)
@given(clip_len=st.integers(1, 70), height=st.integers(1, 300), width=st.integers(1, 300))
def test_nothing_overlaps_or_leaves_the_sheet(clip_len, height, width):
    layout = SheetLayout(clip_len, height, width)
    used = np.zeros((layout.height, layout.width), dtype=int)
    for index in range(clip_len):
        *tops, left = layout.pictures(index)
        for top in tops:
            region = used[top : top + layout.cell_height, left : left + layout.cell_width]
            assert region.shape == (layout.cell_height, layout.cell_width)
            region += 1
        top, bottom, left, right = layout.track(index)
        used[top:bottom, left:right] += 1
    top, bottom, left, right = layout.color_bar
    used[top:bottom, left:right] += 1
    assert used.max() == 1
    assert 840 <= layout.width <= 2100
    assert layout.cell_height <= 432
    if max(height, width) <= 4 * min(height, width):
        assert abs(layout.cell_height / layout.cell_width - height / width) < 0.2


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 7), (56, 56), (224, 224)])
@pytest.mark.parametrize("clip_len", [1, 4, 33])
def test_any_size_can_be_drawn(make_explanation, size, clip_len):
    sheet = render_sheet(make_explanation(clip_len=clip_len, size=size))
    assert sheet.dtype == np.uint8
    assert (sheet[0] == 255).all()
    assert (sheet[-1] == 255).all()
    assert (sheet[:, [0, -1]] == 255).all()


NAMES = [
    "",
    "x" * 5000,
    "Žižek/été 漢字 🎬",
    "two\nlines\tand\0more",
    "bad \udcff byte",
    "\u202eabc",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_fits(make_explanation, name):
    sheet = render_sheet(make_explanation(name=name, clip_len=1))
    assert (sheet[:, -24:] == 255).all()


def test_accents_are_drawn_as_letters_not_as_boxes():
    box = font(LARGE).getmask("\U0010fffd")
    for letter in "éÜçñžøßĞŁΩЖ–…✓✗":
        assert bytes(font(LARGE).getmask(letter)) != bytes(box), letter


@settings(deadline=None, max_examples=50)
@given(text=st.text(max_size=80), width=st.integers(20, 400))
def test_fitted_text_fits(text, width):
    line = fitted(text, LARGE, width)
    assert line.isprintable() or line == ""
    assert font(LARGE).getlength(line) <= width or line == "…"


def test_long_text_keeps_both_ends():
    line = fitted("beginning" + "-" * 500 + "end", LARGE, 400)
    assert line.startswith("beginning")
    assert line.endswith("end")
    assert "…" in line


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.12, 0.876], ["0.12", "0.88"]),
        ([0.501, 0.514], ["0.501", "0.514"]),
        ([0.5001, 0.5012], ["0.5001", "0.5012"]),
        ([0.5, 0.5], ["0.50", "0.50"]),
        ([0.0, 0.0], ["0.00", "0.00"]),
        ([0.0002, 0.00001], ["2e-04", "1e-05"]),
    ],
)
def test_numbers_show_how_they_differ(values, expected):
    assert format_numbers(np.array(values)) == expected


def test_weights_of_zero_have_no_bars():
    assert bar_heights(np.zeros(3), 40).tolist() == [0, 0, 0]
    assert bar_heights(np.array([0.25, 0.5, 0.0]), 40).tolist() == [20, 40, 0]


def test_the_file_is_the_picture(make_explanation, tmp_path):
    sheet = render_sheet(make_explanation())
    write_png(sheet, tmp_path / "sheet.png")
    found = cv2.imread(str(tmp_path / "sheet.png"))[..., ::-1]
    np.testing.assert_array_equal(found, sheet)
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]


def test_frames_alone_keep_their_pixels():
    rng = np.random.default_rng(1)
    frames = rng.integers(0, 256, (10, 60, 50, 3), dtype=np.uint8)
    sheet = render_frames(frames, np.arange(10), name="name", facts=[("caption", "value")])
    corners = []
    for frame in frames:
        # Ten frames stand in rows of five, in columns of 240 pixels: each pixel four times as wide.
        large = np.kron(frame, np.ones((4, 4, 1), dtype=np.uint8))
        found = cv2.matchTemplate(sheet, large, cv2.TM_SQDIFF)
        top, left = divmod(int(found.argmin()), found.shape[1])
        np.testing.assert_array_equal(sheet[top : top + 240, left : left + 200], large)
        corners.append((top, left))
    assert corners == sorted(corners)
    rows = [top for top, _ in corners]
    assert [rows.count(row) for row in sorted(set(rows))] == [5, 5]


@pytest.mark.parametrize("size", [(1, 1), (8, 300), (310, 7), (700, 900)])
def test_frames_alone_of_any_size(size):
    frames = np.zeros((33, *size, 3), dtype=np.uint8)
    name, facts = "na\nme" * 100, [("caption", "\x00" * 999)]
    sheet = render_frames(frames, np.full(33, 10**9), name=name, facts=facts)
    assert (sheet[[0, -1]] == 255).all()
    assert sheet.shape[1] <= 2100
