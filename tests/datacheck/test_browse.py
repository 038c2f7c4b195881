"""Sheets and page of samples: what they show, and that they come again."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmaction.apis import load_config
from mmaction.datacheck.browse import Browsed, browse_dataset, colored
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


Browse = Callable[..., tuple[Browsed, dict[str, Any]]]


@pytest.fixture
def browse(tmp_path: Path) -> Browse:
    """``browse(cfg, out=…, …)``: what was written, and what the page is given to show."""

    def browse(cfg: Config, *, out: str = "out", **choice: Any) -> tuple[Browsed, dict[str, Any]]:
        done = browse_dataset(cfg, str(tmp_path / out), name="tiny.py", **choice)
        found = re.search(r'id="data">(.*?)</script>', done.page.read_text())
        assert found
        return done, json.loads(found[1])

    return browse


@pytest.fixture
def jittered(make_config: Callable[..., Path], own_data: Path) -> Config:
    return load_config(make_config(own_data, JITTER))


def test_colours_are_those_the_network_is_given() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (2, 3, 4, 5, 3), dtype=np.uint8)
    color = rng.normal(0, 0.7, (3, 4)).astype(np.float32)
    color[:, 3] *= 100
    mapped = pixels.astype(np.float64) @ color[:, :3].T.astype(np.float64) + color[:, 3]
    shown = colored(torch.from_numpy(pixels), torch.from_numpy(color))
    assert shown.dtype == np.uint8
    assert np.abs(shown - np.clip(mapped, 0, 255)).max() <= 0.5 + 1e-3


def test_writes_a_sheet_a_sample_and_a_page(browse: Browse, jittered: Config) -> None:
    out = "new/folder"
    done, page = browse(jittered, out=out, indices=(1, 0), repeats=3, epoch=2, seed=5)
    assert (done.page.name, done.samples, done.failed) == ("index.html", 6, 0)
    names = {f"video_{v:06d}_epoch_{e:03d}.png" for v in (1, 0) for e in (2, 3, 4)}
    assert {path.name for path in done.page.parent.iterdir()} == {"index.html", *names}

    assert page["summary"] == "2 of 2 videos, epochs 2 to 4, seed 5"
    assert [video[0] for video in page["videos"]] == ["train/video 1", "train/video 0"]
    dataset = DATASETS.build(jittered.train_dataloader.dataset)
    shown = set()
    for (*_, more), video, annotated, becomes in zip(
        page["videos"], (1, 0), ("jack (1)", "bend (0)"), ("bend (0)", "jack (1)"), strict=True
    ):
        facts = dict(more["facts"])
        assert (facts["class"], facts["frames"], facts["video"]) == (annotated, "6", str(video))
        assert facts["annotation"].endswith(f"train.txt:{video + 1}")
        for sample, epoch in zip(more["samples"], (2, 3, 4), strict=True):
            assert sample["title"] == f"epoch {epoch}"
            assert sample["notes"] == [f"class becomes {becomes}", "colours changed"]
            numbers = dataset[SampleKey(video, epoch, 5)]["sample"].frame_indices.ravel()
            text = f"frames {', '.join(map(str, numbers))}"
            file = f"./video_{video:06d}_epoch_{epoch:03d}.png"
            assert sample["pictures"] == [[file, text]]
            shown.add(text)
    assert len(shown) > 2  # they vary


def test_a_sheet_shows_the_sample_itself(browse: Browse, jittered: Config) -> None:
    done, _ = browse(jittered, indices=(0,), seed=3)
    item = DATASETS.build(jittered.train_dataloader.dataset)[SampleKey(0, 0, 3)]
    first = item["inputs"][0, 0].numpy().astype(np.float64)
    color = item["color"].numpy().astype(np.float64)
    expected = np.clip(np.rint(first @ color[:, :3].T + color[:, 3]), 0, 255).astype(np.uint8)
    assert np.abs(expected - first).max() > 10  # the jitter matters
    [path] = done.page.parent.glob("*.png")
    sheet = cv2.imread(str(path))[..., ::-1].copy()
    # Four frames of 32 pixels, in columns of 288.
    large = np.kron(expected, np.ones((9, 9, 1), dtype=np.uint8))
    assert cv2.matchTemplate(sheet, large, cv2.TM_SQDIFF).min() <= large.size  # within 1


def test_every_view_has_its_sheet(
    browse: Browse, make_config: Callable[..., Path], own_data: Path
) -> None:
    text = "train_dataloader['dataset']['pipeline'][2:3] = [\n"
    text += "    dict(type='Resize', short_side=32), dict(type='ThreeCrop', size=32)]"
    done, page = browse(load_config(make_config(own_data, text)), indices=(0,))
    [sample] = page["videos"][0][-1]["samples"]
    files = [f"./video_000000_epoch_000_view_{view:02d}.png" for view in (1, 2, 3)]
    assert [file for file, _ in sample["pictures"]] == files
    assert sample["pictures"][1][1].startswith("view 2 of 3, frames ")
    assert all((done.page.parent / file).is_file() for file in files)


def test_the_same_seed_gives_the_same_files(browse: Browse, jittered: Config) -> None:
    def files(out: str, seed: int) -> dict[str, bytes]:
        done, _ = browse(jittered, out=out, number=1, repeats=2, seed=seed)
        return {path.name: path.read_bytes() for path in done.page.parent.iterdir()}

    assert files("a", 1) == files("b", 1)
    assert files("c", 2) != files("b", 1)


def test_a_video_that_can_not_be_read_is_said_so(
    browse: Browse, make_config: Callable[..., Path], own_data: Path
) -> None:
    shutil.rmtree(own_data / "frames/train/video 1")
    done, page = browse(load_config(make_config(own_data)))
    assert (done.samples, done.failed) == (1, 1)
    [error] = page["videos"][1][-1]["samples"][0]["errors"]
    assert error.startswith("can’t be read: ")
    assert "train/video 1' does not exist" in error

    text = "train_dataloader['dataset']['on_error'] = 'resample'"
    done, page = browse(load_config(make_config(own_data, text, name="r.py")), indices=(1,))
    assert (done.samples, done.failed) == (1, 0)
    [error] = page["videos"][0][-1]["samples"][0]["errors"]
    assert error.startswith("shows train/video 0 in place of train/video 1")


def test_a_split_that_is_not_there(
    make_config: Callable[..., Path], own_data: Path, tmp_path: Path
) -> None:
    cfg = load_config(make_config(own_data, "test_dataloader = None"))
    with pytest.raises(ConfigError, match="no test_dataloader"):
        browse_dataset(cfg, str(tmp_path / "out"), split="test")
