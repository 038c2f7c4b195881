"""The examples of docs/extending.md, as printed: each in files beside a config, by the commands."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from mmaction.apis import load_config
from mmaction.dataprep.motion_shapes import DataSetOptions, make_data_set
from mmaction.datasets import ClipDataset, SampleKey
from mmaction.evaluation import ScoreTable
from mmaction.models.data_preprocessor import IMAGENET_STD
from mmaction.registry import DATASETS
from tests.conftest import in_one_process

REPO = Path(__file__).resolve().parents[1]
EXAMPLE = re.compile(r"^`(mine/\w+\.py)`\n\n```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ONE_EPOCH = ["train_cfg.max_epochs=1", "param_scheduler=None", "train_dataloader.batch_size=2"]
# That of the metric takes the data set, that of the hook the transform.
TRAININGS = ("backbone", "log_loss", "weight_norm")


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory, run_process: Callable[..., Any]) -> Path:
    """The files of the docs in ``mine/``, and tiny data; all commands of the docs are done.

    What they print is in ``mine/printed``, a command after the other.
    """
    folder = tmp_path_factory.mktemp("extending")
    for name in ("tools", "config_files"):
        (folder / name).symlink_to(REPO / name)
    data = folder / "data/motion_shapes"
    make_data_set(data, DataSetOptions(videos=12, val_videos=12), jobs=1)
    # Three videos of each list will do.
    for split in ("train", "val"):
        lines = (data / f"{split}.txt").read_text().splitlines()[:3]
        (data / f"{split}.txt").write_text("\n".join(lines) + "\n")
        for name in (line.rsplit(maxsplit=2)[0] for line in lines):
            frames = [cv2.imread(str(path)) for path in sorted((data / "frames" / name).iterdir())]
            array = folder / "data/arrays" / f"{name}.npy"
            array.parent.mkdir(parents=True, exist_ok=True)
            np.save(array, 255 - np.stack(frames)[..., ::-1])
    (folder / "mine").mkdir()
    examples = EXAMPLE.findall((REPO / "docs/extending.md").read_text())
    assert len(examples) == 12, "six parts, each with its config"
    for path, text in examples:
        assert path.startswith("mine/with_") or 15 <= len(text.splitlines()) <= 30, path
        (folder / path).write_text(text)
    train = "tools/train_recognizer.py"

    def named(name: str, *options: str) -> list[str]:  # loggers go by the experiment's name
        return ["--cfg-options", *options, f"experiment_name={name}"]

    trainings = [[train, config(part), *named(part, *ONE_EPOCH)] for part in TRAININGS]
    said = "attention,motion:cells=4"
    network = [config("motion"), checkpoint("weight_norm")]
    explain = ["--explainers", said, "--out"]
    test = "tools/test_recognizer.py"
    measure = ["tools/analysis/evaluate_explanations.py", *network, *explain, "true"]
    commands = (
        *trainings,
        [test, config("backbone"), checkpoint("backbone"), "-s", "maps", *named("seen")],
        [test, config("log_loss"), checkpoint("log_loss"), "--out", "scores.pkl", *named("tested")],
        ["tools/visualize.py", *network, next((data / "frames").iterdir()), *explain, "look"],
        [*measure, "--metrics", "joint", "--steps", 2],
    )
    # From a directory that has the docs' mine/ beside tools/.
    path = os.pathsep.join(["mine", str(REPO)])
    ended = run_process(sys.executable, *in_one_process(*commands), cwd=folder, PYTHONPATH=path)
    assert ended.code == 0, ended.err
    (folder / "printed").write_text(ended.out)
    return folder


def printed(folder: Path, command: int) -> str:
    return (folder / "printed").read_text().split("done: ")[command]


def config(part: str) -> str:
    return f"mine/with_{part}.py"


def checkpoint(part: str) -> str:
    return f"work_dirs/mine/with_{part}/epoch_1.pth"


def logged(folder: Path, part: str) -> dict[str, float]:
    """All that the training has logged, the last of each."""
    [scalars] = (folder / "work_dirs/mine" / f"with_{part}").glob("*/vis_data/scalars.json")
    found: dict[str, float] = {}
    for line in scalars.read_text().splitlines():
        found |= json.loads(line)
    return found


def training_set(folder: Path, part: str, monkeypatch: pytest.MonkeyPatch) -> ClipDataset:
    """What a config of the docs trains on, in this process."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend("mine")
    return DATASETS.build(load_config(config(part)).train_dataloader.dataset)


def test_a_backbone(mine: Path) -> None:
    """It is trained, tested and explained."""
    weights = torch.load(mine / checkpoint("backbone"), weights_only=True)["state_dict"]
    assert weights["backbone.3.weight"].shape == (32, 16, 3, 3, 3)
    assert weights["attention_branch.stage.0.weight"].shape == (64, 32, 1, 1, 1)
    assert "3 videos" in printed(mine, 3)
    explanations = list((mine / "maps").rglob("explanation.npz"))
    assert len(explanations) == 3
    with np.load(explanations[0]) as found:
        assert found["spatial"].shape == (12, 8, 8)
        assert found["temporal"].shape == (12,)


def test_a_data_set(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The arrays are the frames' negatives, and 64×64 as the network takes them."""
    clip = training_set(mine, "arrays", monkeypatch)[0]
    frames = np.load(mine / "data/arrays" / f"{clip['sample'].name}.npy")
    taken = frames[clip["sample"].frame_indices[0]]
    shown = clip["inputs"][0].numpy()
    assert np.array_equal(shown, taken) or np.array_equal(shown, taken[:, :, ::-1])
    assert logged(mine, "log_loss")["loss"] > 0


def test_a_transform(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the clips are grey: red, green and blue become the luminance of BT.601."""
    dataset = training_set(mine, "grey", monkeypatch)
    maps = np.stack([dataset[SampleKey(0, epoch)]["color"].numpy() for epoch in range(40)])
    grey = np.isclose(maps, [[0.299, 0.587, 0.114, 0]], atol=1e-6).all(axis=(1, 2))
    assert 10 < grey.sum() < 30
    assert np.array_equal(maps[~grey], np.broadcast_to(np.eye(3, 4), maps[~grey].shape))
    assert logged(mine, "weight_norm")["loss"] > 0


def test_an_explainer(mine: Path) -> None:
    """Its map of a video is made of the clip alone, so that it can be made again here."""
    [file] = (mine / "look").glob("*/explanation.motion.npz")
    video = mine / "data/motion_shapes/frames" / file.parent.name
    with np.load(file) as found:
        spatial, numbers = found["spatial"], found["frame_indices"]
    frames = np.stack(
        [cv2.imread(str(frame))[..., ::-1] for frame in sorted(video.iterdir())]
    ).astype(np.float32)
    change = np.abs(np.diff(frames[numbers - 1], axis=0) / IMAGENET_STD).mean(axis=-1)
    expected = change.reshape(11, 4, 16, 4, 16).mean(axis=(2, 4))
    np.testing.assert_allclose(spatial[1:], expected, atol=1e-5)
    assert "motion:cells=4" in printed(mine, 6)


def test_a_metric(mine: Path) -> None:
    """It runs in validation, chooses the best checkpoint, and runs in tests."""
    assert list((mine / "work_dirs/mine/with_log_loss").glob("best_mine_log_loss_epoch_1.pth"))
    shown = printed(mine, 4)
    metrics = json.loads((mine / "scores.metrics.json").read_text())
    table = ScoreTable.load(mine / "scores.pkl")
    expected = -np.log(table.scores[np.arange(3), table.labels]).mean()
    assert metrics["mine/log_loss"] == pytest.approx(expected)
    assert logged(mine, "log_loss")["mine/log_loss"] == pytest.approx(expected, rel=1e-4)
    assert re.search(rf"^mine/log_loss +{expected:.4g}$", shown, re.MULTILINE), shown
    assert "perception/top1" in metrics


def test_a_hook(mine: Path) -> None:
    """It logs the weights' norm: after the last step that of the checkpoint."""
    weights = torch.load(mine / checkpoint("weight_norm"), weights_only=True)["state_dict"]
    learned = [v for k, v in weights.items() if "running" not in k and "tracked" not in k]
    expected = torch.stack([v.norm() for v in learned]).norm().item()
    assert logged(mine, "weight_norm")["weight_norm"] == pytest.approx(expected, rel=0.05)
