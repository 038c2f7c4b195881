"""Files that would run code where they are unpickled, put wherever a command reads a file."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmaction.errors import CheckpointError
from mmaction.models import STABN
from tests.bomb import Bomb

Run = Callable[..., Any]
MakeConfig = Callable[..., Path]


@pytest.fixture
def boom(tmp_path: Path) -> Path:
    """What is there once a file's code has run."""
    return tmp_path / "boom"


def assert_refused(ended: Any, boom: Path, *words: str) -> None:
    assert not boom.exists()
    for word in words:
        assert word in ended.error


@pytest.fixture
def bad_checkpoint(tiny_checkpoint: Path, tmp_path: Path, boom: Path) -> Path:
    """A whole checkpoint of the tiny network, to be resumed from, and a bomb."""
    content = torch.load(tiny_checkpoint, weights_only=True)
    torch.save({**content, "x": Bomb(boom)}, tmp_path / "bad.pth")
    return tmp_path / "bad.pth"


def test_the_bomb_works(bad_checkpoint: Path, boom: Path) -> None:
    """Read without care: without this, the tests below would prove nothing."""
    torch.load(bad_checkpoint, weights_only=False)
    assert boom.exists()


@pytest.mark.parametrize(
    "command",
    [
        ("test_recognizer", "{config}", "{bad}"),
        ("visualize", "{config}", "{bad}", "{video}"),
        ("analysis/evaluate_explanations", "{config}", "{bad}"),
        ("train_recognizer", "{config}", "--load-from", "{bad}"),
        ("train_recognizer", "{config}", "--resume-from", "{bad}"),
        ("train_recognizer", "{config}", "--cfg-options", "load_from={bad}"),
        ("train_recognizer", "{config}", "--cfg-options", "model.backbone.pretrained={bad}"),
        (
            *("train_recognizer", "{config}", "--cfg-options"),
            *("model.init_cfg.type=Pretrained", "model.init_cfg.checkpoint={bad}"),
        ),
        ("convert/convert_checkpoint", "{bad}", "{bad}.new.pth"),
        ("serve", "{bad}"),
        ("publish_model", "{bad}", "{bad}.new.pth"),
        ("predict", "{bad}", "{video}", "--out", "{bad}.csv"),
    ],
    ids=lambda command: " ".join(command).replace("{config} ", "").replace(" {bad}", ""),
)
def test_a_checkpoint(
    command: tuple[str, ...],
    bad_checkpoint: Path,
    boom: Path,
    tiny_config: Path,
    tiny_data: Path,
    run_tool: Run,
) -> None:
    video = tiny_data / "frames/val/video 0"
    ended = run_tool(
        *(c.format(config=tiny_config, bad=bad_checkpoint, video=video) for c in command)
    )
    assert_refused(ended, boom, f"{bad_checkpoint}: refused, it names posix.mkdir", "--trust")


def test_the_checkpoint_a_run_finds_by_itself(
    bad_checkpoint: Path, boom: Path, tiny_config: Path, tmp_path: Path, run_tool: Run
) -> None:
    """``auto`` looks into work_dir: what lies there is no more trusted than anything else."""
    work = tmp_path / "work"
    work.mkdir()
    bad_checkpoint.rename(work / "epoch_1.pth")
    (work / "last_checkpoint").write_text(str(work / "epoch_1.pth"))
    run_tool("train_recognizer", tiny_config, "--resume-from", "auto", "--no-validate")
    assert not boom.exists()


def test_a_network_in_python(bad_checkpoint: Path, boom: Path) -> None:
    """mmengine's own way to start from a file, without any of this project's commands."""
    init = dict(type="Pretrained", checkpoint=str(bad_checkpoint))
    backbone = dict(type="ResNet3D", depth=10, num_stages=3, base_channels=4)
    for nets in (
        dict(backbone=backbone, init_cfg=init),
        dict(backbone={**backbone, "init_cfg": {**init, "prefix": "backbone."}}),
    ):
        with pytest.raises(CheckpointError, match=r"bad\.pth: refused, it names posix\.mkdir"):
            STABN(num_classes=3, clip_len=4, **nets).init_weights()
        assert not boom.exists()


def test_mmengines_other_sources_are_no_way_around(tiny_config: Path, run_tool: Run) -> None:
    """They would be downloaded and unpickled."""
    for address in ("https://localhost/x.pth", "torchvision://resnet18", "open-mmlab://resnet50"):
        options = (f"model.init_cfg.checkpoint={address}", "model.init_cfg.type=Pretrained")
        ended = run_tool("train_recognizer", tiny_config, "--cfg-options", *options)
        assert ended.error.endswith("no such file")


def test_torchvisions_cache(
    boom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_tool: Run, tiny_config: Path
) -> None:
    """torchvision checks what it downloads, not what someone else has put there before."""
    torchvision = pytest.importorskip("torchvision", exc_type=(ImportError, RuntimeError))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    name = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url.rpartition("/")[2]
    cached = tmp_path / "home/hub/checkpoints" / name
    cached.parent.mkdir(parents=True)
    torch.save({"conv1.weight": torch.zeros(1), "x": Bomb(boom)}, cached)
    option = "model.backbone.pretrained=torchvision://resnet18"
    ended = run_tool("train_recognizer", tiny_config, "--cfg-options", option)
    assert_refused(ended, boom, f"{cached} is not what torchvision publishes", "posix.mkdir")


def test_a_file_of_boxes(boom: Path, tmp_path: Path, run_tiny: Run) -> None:
    path = tmp_path / "pyannot.pkl"
    path.write_bytes(pickle.dumps({"val/video 0": Bomb(boom)}, protocol=2))
    ended = run_tiny(
        "analysis/evaluate_explanations",
        *("--metrics", "localization", "--ground-truth", path),
    )
    assert_refused(ended, boom, "pyannot.pkl", "refused posix.mkdir")


def test_masks(boom: Path, tmp_path: Path, run_tiny: Run) -> None:
    """numpy's archives may hold pickles, too."""
    for number in range(7):
        path = tmp_path / f"truth/val/video {number}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        bombs = np.array([Bomb(boom)], dtype=object)
        np.savez(path, actor_masks=bombs, action_interval=np.array([0, 6]))
    ended = run_tiny(
        "analysis/evaluate_explanations",
        *("--metrics", "localization", "--ground-truth", tmp_path / "truth"),
    )
    assert_refused(ended, boom, "allow_pickle=False")


@pytest.mark.parametrize(
    "value",
    [
        "__import__('os').mkdir('{boom}')",
        "[__import__('os').mkdir('{boom}')]",
        "(__import__('os').mkdir('{boom}'),1)",
        "!!python/object/apply:os.mkdir ['{boom}']",
        "{{1:__import__('os').mkdir('{boom}')}}",
    ],
)
def test_options_are_never_evaluated(value: str, boom: Path, run_tiny: Run) -> None:
    option = "model.average_views=" + value.format(boom=boom)
    ended = run_tiny("test_recognizer", "--cfg-options", option)
    assert_refused(ended, boom, "model.average_views=", "expected one of")


def test_a_real_process(
    bad_checkpoint: Path, boom: Path, tiny_config: Path, run_process: Run
) -> None:
    """Nor does torch's own switch for the careless help."""
    ended = run_process(
        *(sys.executable, "tools/test_recognizer.py", tiny_config, bad_checkpoint),
        TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD="1",
    )
    assert_refused(ended, boom, "refused, it names posix.mkdir")
