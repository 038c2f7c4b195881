"""One picture of one clip: every frame, the spatial map over it, and its temporal weight."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from mmaction.explain.colormap import color_table, overlay, resize_frames, scale_clip, to_gray
from mmaction.explain.records import ATTENTION, ClipExplanation, as_probabilities
from mmaction.explain.sheet_layout import BAR_HEIGHT, GAP, LEFT_GUTTER, MARGIN, TOP, SheetLayout
from mmaction.explain.sheet_text import LARGE, NORMAL, SMALL, fitted, font
from mmaction.files import atomic_path

Color = tuple[int, int, int]
Fact = tuple[str, str, Color]  # caption, value, colour of the value
BACKGROUND: Color = (255, 255, 255)
INK: Color = (26, 28, 32)
FAINT_INK: Color = (98, 104, 114)
TRACK: Color = (233, 236, 240)
BAR: Color = (0, 114, 178)  # blue and vermilion of Okabe and Ito, apart for colour-blind people too
PEAK: Color = (213, 94, 0)
RIGHT: Color = (0, 110, 76)
WRONG: Color = (178, 44, 26)


def render_sheet(explanation: ClipExplanation) -> np.ndarray:
    """Draw a clip as a sheet, for any number of frames and any size of them.

    Names and answers on top; below them bands of up to eight frames (sixteen, where a clip has more
    than 32): as they are, in grey under the spatial map (so that colour is attention), and the
    temporal weight as a bar, whose full height is the clip's highest weight. One colour scale, from
    the lowest to the highest value of the whole clip, stands at the side.

    Args:
        explanation: The clip.

    Returns:
        uint8 RGB, height×width×3.
    """
    layout = SheetLayout(*explanation.frames.shape[:3])
    grid = Image.new("RGB", (layout.width, layout.height), BACKGROUND)
    frames = resize_frames(explanation.frames, layout.cell_height, layout.cell_width)
    overlays = overlay(to_gray(frames), scale_clip(explanation.spatial))
    for index, (frame, overlaid) in enumerate(zip(frames, overlays, strict=True)):
        top, below, left = layout.pictures(index)
        grid.paste(Image.fromarray(frame), (left, top))
        grid.paste(Image.fromarray(overlaid), (left, below))
    _draw_bars(grid, layout, explanation.temporal)
    _draw_color_bar(grid, layout, explanation)
    _write_rows(grid, layout)
    weights = format_numbers(explanation.temporal)
    _write_labels(grid, layout, explanation.frame_indices, weights)
    header = _header(explanation.name, _facts(explanation), layout.width)
    return np.concatenate([header, np.asarray(grid)])


def render_frames(
    frames: np.ndarray,
    frame_indices: np.ndarray,
    *,
    name: str,
    facts: Sequence[tuple[str, str]] = (),
) -> np.ndarray:
    """Draw a clip that nobody has explained: a sheet's header, frames and numbers.

    Pixels are shown as they are, or several times as large, each as a square of one colour; frames
    that don't fit beside each other are made smaller.

    Args:
        frames: uint8 RGB, T×H×W×3.
        frame_indices: int64, T: the number of each frame.
        name: The heading.
        facts: Caption and value of what stands below it.

    Returns:
        uint8 RGB, height×width×3.
    """
    layout = SheetLayout(*frames.shape[:3], maps=False)
    grid = Image.new("RGB", (layout.width, layout.height), BACKGROUND)
    factor = min(layout.cell_height // frames.shape[1], layout.cell_width // frames.shape[2])
    if factor:
        frames = frames.repeat(factor, axis=1).repeat(factor, axis=2)
    else:
        frames = resize_frames(frames, layout.cell_height, layout.cell_width)
    for index, frame in enumerate(frames):
        top, _, left = layout.pictures(index)
        grid.paste(Image.fromarray(frame), (left, top))
    _write_labels(grid, layout, frame_indices, [""] * len(frames))
    header = _header(name, [(caption, value, INK) for caption, value in facts], layout.width)
    return np.concatenate([header, np.asarray(grid)])


def write_png(image: np.ndarray, path: str | Path) -> None:
    """Write uint8 RGB, H×W×3, as PNG, whole or not at all."""
    # OpenCV's defaults (runs alone) are the fastest; any level given to it takes twice as long.
    _, png = cv2.imencode(".png", image[..., ::-1])
    with atomic_path(path) as draft:
        draft.write_bytes(png.tobytes())


def bar_heights(temporal: np.ndarray, full: int) -> np.ndarray:
    """Return heights in whole pixels, from zero for 0 to ``full`` for the clip's highest weight."""
    highest = float(temporal.max())
    if highest <= 0:
        return np.zeros(len(temporal), dtype=np.int64)
    return np.rint(np.clip(temporal, 0, None) / highest * full).astype(np.int64)


def format_numbers(values: np.ndarray) -> list[str]:
    """Write numbers with as many decimals, two to four, as show how they differ."""
    spread = float(values.max() - values.min())
    if 0 < float(np.abs(values).max()) < 0.001:
        return [f"{value:.0e}" for value in values]
    decimals = 2 if spread >= 0.05 or spread == 0 else 3 if spread >= 0.005 else 4
    return [f"{value:.{decimals}f}" for value in values]


def _facts(explanation: ClipExplanation) -> list[Fact]:
    """Return what is known of the clip's class."""
    color, verdict = INK, ""
    if explanation.correct is not None:
        color, verdict = (RIGHT, "  ✓ right") if explanation.correct else (WRONG, "  ✗ wrong")
    facts = []
    if explanation.label is not None:
        facts.append(("true class", explanation.class_name(explanation.label), INK))
    facts.append(("prediction", _answer(explanation, explanation.scores) + verdict, color))
    if explanation.attention_scores is not None:
        answer = _answer(explanation, explanation.attention_scores)
        facts.append(("attention branch", answer, INK))
    if explanation.method != ATTENTION:
        value, target = explanation.method, explanation.target
        value += "" if target is None else f" of {explanation.class_name(target)}"
        facts.append(("maps by", value, INK))
    return facts


def _answer(explanation: ClipExplanation, scores: np.ndarray) -> str:
    best = int(np.argmax(scores))
    return f"{explanation.class_name(best)}  {100 * as_probabilities(scores)[best]:.1f} %"


def _header(name: str, facts: Sequence[Fact], width: int) -> np.ndarray:
    """Draw the name and, flowing into as many lines as they need, the facts."""
    room, line_height = width - 2 * MARGIN, 46
    placed, x, y = [], MARGIN, MARGIN + LARGE + 18
    for caption, value, color in facts:
        value = fitted(value, NORMAL, room)
        needed = ceil(max(font(NORMAL).getlength(value), font(SMALL).getlength(caption)))
        if x > MARGIN and x + needed > width - MARGIN:
            x, y = MARGIN, y + line_height
        placed.append((x, y, caption, value, color))
        x += needed + 40
    image = Image.new("RGB", (width, y + line_height + 14 - TOP), BACKGROUND)
    draw = ImageDraw.Draw(image)
    draw.text((MARGIN, MARGIN), fitted(name, LARGE, room), INK, font(LARGE), anchor="lt")
    for x, y, caption, value, color in placed:
        draw.text((x, y), caption, FAINT_INK, font(SMALL))
        draw.text((x, y + SMALL + 5), value, color, font(NORMAL))
    return np.asarray(image)


def _draw_bars(grid: Image.Image, layout: SheetLayout, temporal: np.ndarray) -> None:
    draw, peak = ImageDraw.Draw(grid), int(np.argmax(temporal))
    for index, height in enumerate(bar_heights(temporal, BAR_HEIGHT).tolist()):
        top, bottom, left, right = layout.track(index)
        draw.rectangle((left, top, right - 1, bottom - 1), TRACK)
        inset = (right - left) // 4
        if height:
            bar = (left + inset, bottom - height, right - inset - 1, bottom - 1)
            draw.rectangle(bar, PEAK if index == peak else BAR)


def _draw_color_bar(grid: Image.Image, layout: SheetLayout, explanation: ClipExplanation) -> None:
    """Draw the colour bar, and write its ends and its caption beside it."""
    top, bottom, left, right = layout.color_bar
    levels = np.rint(np.linspace(255, 0, bottom - top)).astype(np.uint8)
    colors = color_table()[levels][:, None].repeat(right - left, axis=1)
    grid.paste(Image.fromarray(colors), (left, top))
    draw, small = ImageDraw.Draw(grid), font(SMALL)
    spatial = explanation.spatial
    low, high = format_numbers(np.array([spatial.min(), spatial.max()], dtype=np.float64))
    draw.text((right + 6, top), high, INK, small, anchor="lt")
    draw.text((right + 6, bottom - 1), low, INK, small, anchor="ls")
    caption = "spatial attention" if explanation.method == ATTENTION else "spatial map"
    _write_upwards(grid, caption, right + 16, (top + bottom) / 2)


def _write_rows(grid: Image.Image, layout: SheetLayout) -> None:
    """Write at the left of each band what its rows are."""
    height = layout.cell_height
    for band in range(layout.bands):
        top = layout.band(band)
        for caption, size in (("frame", height), ("where", height), ("when", BAR_HEIGHT)):
            _write_upwards(grid, caption, MARGIN + LEFT_GUTTER // 2 - 4, top + size / 2)
            top += size + GAP


def _write_labels(
    grid: Image.Image, layout: SheetLayout, frame_indices: np.ndarray, weights: Sequence[str]
) -> None:
    """Write each frame's number and weight below its picture."""
    draw, small = ImageDraw.Draw(grid), font(SMALL)
    numbers = _frame_numbers(frame_indices, layout.column_width, weights)
    for index, (number, weight) in enumerate(zip(numbers, weights, strict=True)):
        top, left, right = layout.label(index)
        draw.text((left, top + 4), number, FAINT_INK, small)
        draw.text((right, top + 4), weight, INK, small, anchor="ra")


def _frame_numbers(frame_indices: np.ndarray, width: int, weights: Sequence[str]) -> list[str]:
    """Return one text a frame, in the longest wording that leaves its weight room."""
    small = font(SMALL)
    room = width - max(small.getlength(weight) for weight in weights) - 8
    for wording in ("frame {}", "#{}"):
        numbers = [wording.format(number) for number in frame_indices.tolist()]
        if max(small.getlength(number) for number in numbers) <= room:
            return numbers
    return [fitted(str(number), SMALL, room) for number in frame_indices.tolist()]


def _write_upwards(image: Image.Image, text: str, center_x: float, center_y: float) -> None:
    """Write small text that reads from below, about a centre."""
    left, _, right, bottom = (round(side) for side in font(SMALL).getbbox(text))
    label = Image.new("RGB", (right - left + 2, bottom + 2), BACKGROUND)
    ImageDraw.Draw(label).text((1 - left, 1), text, FAINT_INK, font(SMALL))
    label = label.rotate(90, expand=True)
    image.paste(label, (round(center_x - label.width / 2), round(center_y - label.height / 2)))
