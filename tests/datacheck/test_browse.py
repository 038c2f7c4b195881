"""Sheets and page of samples: what they show, that names do no harm, and that they come again."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mmaction.apis import load_config
from mmaction.datacheck.browse import Choice, browse_dataset
from mmaction.datacheck.sample_page import SampleCard, VideoCard, render_page
from mmaction.datacheck.sample_sheet import colored, draw_sheet
from mmaction.datasets import SampleKey
from mmaction.errors import ConfigError
from mmaction.registry import DATASETS

# Every sample is flipped, which turns class 0 into 1, and its colours change.
JITTER = """
steps = train_dataloader["dataset"]["pipeline"]
steps[0] = dict(type="SampleSegments", clip_len=4, placement="random")
steps[3:3] = [
    dict(type="Flip", prob=1.0, label_map={0: 1}),
    dict(type="ColorJitter", brightness=0.5, hue=0.2),
]
"""


class Page(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_colours_are_those_the_network_is_given() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (2, 3, 4, 5, 3), dtype=np.uint8)
    color = rng.normal(0, 0.7, (3, 4)).astype(np.float32)
    color[:, 3] *= 100
    mapped = pixels.astype(np.float64) @ color[:, :3].T.astype(np.float64) + color[:, 3]
    shown = colored(torch.from_numpy(pixels), torch.from_numpy(color))
    assert shown.dtype == np.uint8
    assert np.abs(shown - np.clip(mapped, 0, 255)).max() <= 0.5 + 1e-3


def test_every_frame_of_every_view_is_on_the_sheet() -> None:
    rng = np.random.default_rng(1)
    views = rng.integers(0, 256, (2, 10, 120, 100, 3), dtype=np.uint8)
    numbers = np.arange(20).reshape(2, 10)
    sheet = draw_sheet(views, numbers, title="name", subtitle="more")
    corners = []
    for view in views:
        for frame in view:
            found = cv2.matchTemplate(sheet, frame, cv2.TM_SQDIFF)
            top, left = divmod(int(found.argmin()), found.shape[1])
            assert np.array_equal(sheet[top : top + 120, left : left + 100], frame)
            corners.append((top, left))
    rows = sorted({top for top, _ in corners})
    # Ten frames in two rows of five, for each of two views.
    assert [sum(top == row for top, _ in corners) for row in rows] == [5, 5, 5, 5]
    assert corners == sorted(corners)


@pytest.mark.parametrize("size", [(1, 1), (8, 300), (700, 900)])
def test_any_size_has_a_sheet(size: tuple[int, int]) -> None:
    views = np.zeros((1, 33, *size, 3), dtype=np.uint8)
    sheet = draw_sheet(views, np.full((1, 33), 10**9), title="na\nme" * 100, subtitle="\x00")
    assert sheet.shape[1] <= 1700


def test_writes_a_sheet_a_sample_and_a_page(
    make_config: Callable[..., Path], own_data: Path, tmp_path: Path
) -> None:
    cfg = load_config(make_config(own_data, JITTER))
    out = tmp_path / "new/folder"
    choice = Choice(indices=(1, 0), repeats=3, epoch=2, seed=5)
    done = browse_dataset(cfg, str(out), choice, name="tiny.py")
    assert (done.page, done.samples, done.failed) == (out / "index.html", 6, 0)
    sheets = [f"video_{v:06d}_epoch_{e:03d}.png" for v in (1, 0) for e in (2, 3, 4)]
    assert {path.name for path in out.iterdir()} == {"index.html", *sheets}

    page = Page(done.page)
    assert [link["href"] for link in page.all("a")] == [f"./{sheet}" for sheet in sheets]
    assert "2 of 2 videos, epochs 2 to 4, seed 5" in page.text
    assert page.text.index("train/video 1") < page.text.index("train/video 0")
    assert page.text.count("class becomes jack (1)") == 3
    assert page.text.count("class becomes bend (0)") == 3
    assert page.text.count("colours changed") == 6

    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    numbers = [
        str(number)
        for video in (1, 0)
        for epoch in (2, 3, 4)
        for number in dataset[SampleKey(video, epoch, 5)]["sample"].frame_indices.ravel()
    ]
    shown = [str(image["alt"]).removeprefix("frames ").split(", ") for image in page.all("img")]
    assert [number for sheet in shown for number in sheet] == numbers
    assert len({tuple(numbers[i : i + 4]) for i in range(0, 24, 4)}) > 2  # they vary


def test_a_sheet_shows_the_sample_itself(
    make_config: Callable[..., Path], own_data: Path, tmp_path: Path
) -> None:
    cfg = load_config(make_config(own_data, JITTER))
    browse_dataset(cfg, str(tmp_path / "out"), Choice(indices=(0,), seed=3))
    item = DATASETS.build(cfg.train_dataloader.dataset)[SampleKey(0, 0, 3)]
    first = item["inputs"][0, 0].numpy().astype(np.float64)
    color = item["color"].numpy().astype(np.float64)
    expected = np.clip(np.rint(first @ color[:, :3].T + color[:, 3]), 0, 255).astype(np.uint8)
    assert np.abs(expected - first).max() > 10  # the jitter matters
    [path] = (tmp_path / "out").glob("*.png")
    sheet = cv2.imread(str(path))[..., ::-1].copy()
    twice = expected.repeat(2, 0).repeat(2, 1)  # 32 pixels are few
    assert cv2.matchTemplate(sheet, twice, cv2.TM_SQDIFF).min() <= twice.size  # within 1


def test_the_same_seed_gives_the_same_files(
    make_config: Callable[..., Path], own_data: Path, tmp_path: Path
) -> None:
    cfg = load_config(make_config(own_data, JITTER))

    def browse(name: str, seed: int) -> dict[str, bytes]:
        browse_dataset(cfg, str(tmp_path / name), Choice(number=1, repeats=2, seed=seed))
        return {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}

    assert browse("a", 1) == browse("b", 1)
    assert browse("c", 2) != browse("b", 1)


def test_the_page_needs_no_network(
    make_config: Callable[..., Path], tiny_data: Path, tmp_path: Path
) -> None:
    cfg = load_config(make_config(tiny_data))
    done = browse_dataset(cfg, str(tmp_path / "out"), Choice(split="val", number=100))
    page = Page(done.page)
    assert done.samples == 7
    assert len(page.all("img")) == 7
    assert all((done.page.parent / str(image["src"])).is_file() for image in page.all("img"))
    assert not page.all("script")
    assert not page.all("link")
    assert "//" not in done.page.read_text()


EVIL = '<img src=x onerror="alert(1)">&amp;@videos@\'"'


def test_names_do_no_harm() -> None:
    samples = (
        SampleCard(
            epoch=0,
            sheet="a.png",
            shape=(1, 2, 8, 8),
            label=EVIL,
            relabelled=True,
            name=EVIL,
            numbers=((1, 2),),
            taken_for=((EVIL, EVIL),),
        ),
        SampleCard(epoch=1, error=EVIL),
    )
    video = VideoCard(EVIL, EVIL, 0, 6, EVIL, samples)
    text = render_page([video], title=EVIL, summary=EVIL)
    assert "<img src=x" not in text
    assert text.count("<article>") == 1
    assert text.count("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&amp;amp;@videos@") == 12


def test_a_video_that_can_not_be_read_is_said_so(
    make_config: Callable[..., Path], own_data: Path, tmp_path: Path
) -> None:
    shutil.rmtree(own_data / "frames/train/video 1")
    cfg = load_config(make_config(own_data))
    done = browse_dataset(cfg, str(tmp_path / "out"), Choice())
    assert (done.samples, done.failed) == (1, 1)
    text = done.page.read_text()
    assert "can’t be read: " in text
    assert "train/video 1&#x27; does not exist" in text

    text = "train_dataloader['dataset']['on_error'] = 'resample'"
    cfg = load_config(make_config(own_data, text, name="resample.py"))
    done = browse_dataset(cfg, str(tmp_path / "out"), Choice(indices=(1,)))
    assert (done.samples, done.failed) == (1, 0)
    assert "shows train/video 0 in place of train/video 1" in done.page.read_text()


def test_choices_that_can_not_be(
    make_config: Callable[..., Path], own_data: Path, tmp_path: Path
) -> None:
    cfg = load_config(make_config(own_data, "test_dataloader = None"))
    out = str(tmp_path / "out")
    with pytest.raises(ConfigError, match="--index 2: train has videos 0 to 1"):
        browse_dataset(cfg, out, Choice(indices=(2,)))
    with pytest.raises(ConfigError, match="no test_dataloader"):
        browse_dataset(cfg, out, Choice(split="test"))
    for key, value in (("number", 0), ("repeats", 0), ("epoch", -1), ("seed", -1)):
        with pytest.raises(ConfigError, match=f"--{key} {value}: expected"):
            Choice(**{key: value})
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no browser")
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_in_a_browser(
    make_config: Callable[..., Path], own_data: Path, tmp_path: Path, width: int
) -> None:
    """Nothing is wider than the window, and every picture is shown."""
    done = browse_dataset(load_config(make_config(own_data, JITTER)), str(tmp_path / "o"), Choice())
    probe = done.page.with_name("probe.html")
    script = (
        "<script>onload = () => { document.title = [document.documentElement.scrollWidth <="
        " innerWidth, [...document.images].every(i => i.naturalWidth > 480 && i.width > 300)]"
        ".join() }</script>"
    )
    probe.write_text(done.page.read_text().replace("</body>", script + "</body>"))
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path}/profile", f"--window-size={width},900", probe.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "<title>true,true</title>" in dom
