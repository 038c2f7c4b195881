"""A made data set and a network small enough to train and test whole runs on, and the commands."""

from __future__ import annotations

import importlib
import importlib.util
import json
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import settings

pytest_plugins = ["tests.frame_fixtures"]

REPO = Path(__file__).resolve().parents[1]
# What is started in the background ignores Ctrl-C, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run the tests marked slow")


def pytest_configure(config: pytest.Config) -> None:
    # Its first import keeps a file; of processes that begin with that at once, one reads half.
    if not hasattr(config, "workerinput"):
        importlib.import_module("yapf.yapflib.yapf_api")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="slow: run by --slow"))


# A machine that has other work to do takes as long as it takes; each run tries the same examples.
settings.register_profile("patient", deadline=None, derandomize=True)
settings.load_profile("patient")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")
FRAMES, CLASSES = 6, ("bend", "jack", "wave")

TINY_CONFIG = """
_base_ = {runtime!r}


def loader(split, **sampler):
    pipeline = [
        dict(type="SampleSegments", clip_len=4, placement="center"),
        dict(type="DecodeFrames"),
        dict(type="Resize", size=32),
        dict(type="PackClips"),
    ]
    return dict(
        batch_size=2,
        num_workers=0,
        sampler=dict(type="EpochSampler", **sampler),
        collate_fn=dict(type="collate_clips"),
        dataset=dict(
            type="RawframeDataset",
            ann_file=f"{data}/{{split}}.txt",
            data_root="{data}/frames",
            pipeline=pipeline,
        ),
    )


train_dataloader = loader("train", shuffle=True)
val_dataloader = loader("val", shuffle=False, round_up=False)
test_dataloader = val_dataloader
val_evaluator = dict(type="AccuracyMetric")
test_evaluator = val_evaluator
model = dict(
    type="STABN",
    num_classes=3,
    clip_len=4,
    backbone=dict(type="ResNet3D", depth=10, num_stages=3, base_channels=4),
    attention_branch=dict(dropout_ratio=0.0),
    perception_branch=dict(dropout_ratio=0.0),
)
optim_wrapper = dict(type="TrainingOptimWrapper", optimizer=dict(type="SGD", lr=0.01, momentum=0.9))
param_scheduler = [dict(type="MultiStepLR", milestones=[1], gamma=0.1, by_epoch=True)]
auto_scale_lr = dict(base_batch_size=64, enable=False)
train_cfg = dict(type="ResumableTrainLoop", max_epochs=1)
val_cfg = dict()
test_cfg = dict()
default_hooks = dict(logger=dict(interval=1))
# One process runs many of these in a second; mmengine's loggers go by their name.
experiment_name = {name!r}
work_dir = {work_dir!r}
"""


def write_videos(root: Path, names: list[str], *, image_tmpl: str, frames: int = FRAMES) -> None:
    """Noise that differs from video to video, frames of 48×36 pixels numbered from 1."""
    for name in names:
        (root / name).mkdir(parents=True)
        rng = np.random.default_rng(list(name.encode()))
        for frame in range(1, frames + 1):
            image = rng.integers(0, 256, (36, 48, 3), dtype=np.uint8)
            assert cv2.imwrite(str(root / name / image_tmpl.format(frame)), image)


def write_data(root: Path, *, train: int = 4, val: int = 7) -> Path:
    """``frames/``, ``train.txt``, ``val.txt`` and ``classes.txt`` below ``root``."""
    for split, count in (("train", train), ("val", val)):
        names = [f"{split}/video {n}" for n in range(count)]
        write_videos(root / "frames", names, image_tmpl="img_{:05d}.jpg")
        lines = [f"{name} {FRAMES} {n % len(CLASSES)}\n" for n, name in enumerate(names)]
        (root / f"{split}.txt").write_text("".join(lines))
    (root / "classes.txt").write_text("".join(f"{name}\n" for name in CLASSES))
    return root


def write_tiny(path: Path, data: Path, text: str, *, work_dir: Path) -> Path:
    """The tiny config for ``data``, ``text`` at its end."""
    config = TINY_CONFIG.format(
        runtime=str(REPO / "config_files/_base_/runtime.py"),
        data=data,
        name=f"{path.parent.name}_{path.stem}",
        work_dir=str(work_dir),
    )
    path.write_text(f"{config}\n{text}\n")
    return path


@pytest.fixture(scope="session")
def write_config() -> Callable[..., Path]:
    """``write_config(path, data, text, work_dir=…)`` writes a config where it is to be."""
    return write_tiny


@pytest.fixture(scope="session")
def make_data() -> Callable[..., Path]:
    """``make_data(root, train=…, val=…)`` writes a data set of so many videos."""
    return write_data


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four videos to train on and seven to test on, of three classes; read only."""
    return write_data(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def own_data(tmp_path: Path) -> Path:
    """The same, small and to be damaged at will."""
    return write_data(tmp_path / "data", train=2, val=2)


@pytest.fixture
def make_config(tmp_path: Path) -> Callable[..., Path]:
    """``make_config(data, text)`` writes a config for ``data``, ``text`` at its end."""

    def make(data: Path, text: str = "", *, name: str = "tiny.py") -> Path:
        path = tmp_path / name
        return write_tiny(path, data, text, work_dir=tmp_path / "work")

    return make


@pytest.fixture
def tiny_config(make_config: Callable[..., Path], tiny_data: Path) -> Path:
    """A config of one epoch on ``tiny_data``, its work_dir ``tmp_path / 'work'``."""
    return make_config(tiny_data)


@pytest.fixture(scope="session")
def tiny_checkpoint(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of ``tiny_config``'s network after an epoch; read only."""
    from mmaction.apis import load_config, train

    folder = tmp_path_factory.mktemp("trained")
    train(load_config(write_tiny(folder / "tiny.py", tiny_data, "", work_dir=folder / "work")))
    return folder / "work" / "epoch_1.pth"


@pytest.fixture(scope="session")
def recognizer(tiny_checkpoint: Path) -> Any:
    """``tiny_checkpoint`` ready to take videos: clips of four frames; to be left as it is."""
    import mmaction

    return mmaction.load(tiny_checkpoint, device="cpu")


PLAIN_MODEL = """
model = dict(
    type="Recognizer3D",
    num_classes=3,
    clip_len=4,
    backbone=dict(type="ResNet3D", depth=10, base_channels=4),
)
"""


@pytest.fixture
def without_attention(
    make_config: Callable[..., Path], tiny_data: Path, tmp_path: Path
) -> tuple[Path, Path]:
    """A config of a network without attention, and a checkpoint of its weights."""
    import torch

    from mmaction.apis import load_config
    from mmaction.registry import MODELS

    config, checkpoint = make_config(tiny_data, PLAIN_MODEL), tmp_path / "plain.pth"
    network = MODELS.build(load_config(config).model)
    torch.save({"state_dict": network.state_dict()}, checkpoint)
    return config, checkpoint


@pytest.fixture
def free_port() -> int:
    """A port of this machine that nothing listens at."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture
def lone_group() -> Iterator[None]:
    """A process group of this process alone."""
    import torch.distributed as dist

    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The only line on stderr of a command that ends with a user's mistake."""
        assert self.code == 2, self.err
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("error: "), self.err
        return lines[0].removeprefix("error: ")


def load_tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"tools_{name}", REPO / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run_tool(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """``run_tool('train_recognizer', CONFIG, …)`` runs a command of ``tools/`` in this process."""
    from mmaction.cli import run_command

    def run(name: str, *arguments: Any) -> Outcome:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
        capfd.readouterr()
        try:
            code = run_command(load_tool(name).main)
        except SystemExit as e:  # argparse
            code = int(e.code or 0)
        # A process that ends takes its loaders' workers along; this one goes on.
        for worker in multiprocessing.active_children():
            worker.terminate()
        return Outcome(code, *capfd.readouterr())

    return run


@pytest.fixture(scope="session")
def run_process() -> Callable[..., Outcome]:
    """``run_process(command, …)`` runs a command in the repository, with this Python."""

    def run(*command: Any, cwd: Path = REPO, **environment: str) -> Outcome:
        of_a_group = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
        kept = {k: v for k, v in os.environ.items() if k not in of_a_group}
        path = os.pathsep.join([str(REPO), *filter(None, [os.environ.get("PYTHONPATH")])])
        own = dict(PYTHON=sys.executable, PYTHONPATH=path, OMP_NUM_THREADS="1")
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env={**kept, **own, **environment},
            capture_output=True,
            text=True,
            timeout=600,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run


ONE_AFTER_THE_OTHER = """
import json, runpy, sys
for command in json.loads(sys.argv[1]):
    sys.argv = command
    try:
        runpy.run_path(command[0], run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise
    for stream in (sys.stdout, sys.stderr):
        print("done:", command[0], file=stream, flush=True)
"""


def in_one_process(*commands: Any) -> list[str]:
    """Options of Python that run scripts one after another, each with its own arguments.

    After each, a line on stdout and stderr says ``done: SCRIPT``; one that fails is the last.
    """
    given = [[str(part) for part in command] for command in commands]
    return ["-c", ONE_AFTER_THE_OTHER, json.dumps(given)]


HOLD = """
import sys
from pathlib import Path
from mmaction.files import DirectoryLock

lock = DirectoryLock(Path(sys.argv[1]), doing="writes")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def hold_directory() -> Iterator[Callable[[Path], subprocess.Popen]]:
    """``hold_directory(path)`` starts another process that holds it, until it is killed."""
    started = []

    def hold(path: Path) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.fspath(Path(__file__).resolve().parents[1])},
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        return process

    yield hold
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser of this machine, without a window; the tests skip where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no browser is installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()
