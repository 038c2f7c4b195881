"""What a run finds around it: a torchvision that is absent or broken, a C library."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import in_one_process

BROKEN = "raise RuntimeError('operator torchvision::nms does not exist')\n"
ABSENT = "raise ModuleNotFoundError(f'No module named {__name__!r}', name=__name__)\n"


@pytest.fixture
def run_without(run_process: Callable[..., Any], tmp_path: Path) -> Callable[[str, list[Any]], Any]:
    """``run_without(package, command)``: a command that finds ``package`` as torchvision."""

    def run(package: str, command: list[Any]) -> Any:
        (tmp_path / "first" / "torchvision").mkdir(parents=True, exist_ok=True)
        (tmp_path / "first" / "torchvision" / "__init__.py").write_text(package)
        path = f"{tmp_path / 'first'}:{Path(__file__).resolve().parents[1]}"
        return run_process(sys.executable, *command, PYTHONPATH=path)

    return run


@pytest.mark.parametrize(
    ("package", "reason"),
    [
        pytest.param(BROKEN, "operator torchvision::nms does not exist", id="broken"),
        pytest.param(ABSENT, "No module named 'torchvision'", id="absent", marks=pytest.mark.slow),
    ],
)
def test_only_a_training_that_asks_for_imagenet_weights_needs_torchvision(
    package: str,
    reason: str,
    tiny_data: Path,
    tiny_checkpoint: Path,
    make_config: Callable[..., Path],
    run_without: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """Refused before anything is made; a test and what starts from a checkpoint go without.

    A training that asks for no weights says nothing of torchvision.
    """
    config = make_config(tiny_data, "model['backbone']['pretrained'] = 'torchvision://resnet18'")
    train = ["tools/train_recognizer.py", config, "--no-validate"]
    video = tiny_data / "frames/val/video 0"
    name = "experiment_name"  # loggers go by it and by the second
    plain = make_config(tiny_data, f"work_dir = {str(tmp_path / 'plain')!r}", name="plain.py")
    commands = (
        ["tools/train_recognizer.py", plain, "--no-validate"],
        [*train, "--load-from", tiny_checkpoint],
        [*train, "--resume-from", "auto", "--cfg-options", "train_cfg.max_epochs=2", f"{name}=b"],
        ["tools/test_recognizer.py", config, tiny_checkpoint, "--cfg-options", f"{name}=c"],
        ["tools/visualize.py", config, tiny_checkpoint, video, "--out", tmp_path / "look"],
        [*train, "--work-dir", tmp_path / "refused"],
    )
    ended = run_without(package, in_one_process(*commands))
    assert (ended.code, ended.out.count("done: ")) == (2, 5), ended.err
    *before, last = ended.err.splitlines()
    assert last == (
        f"error: pretrained='torchvision://resnet18': torchvision can't be imported ({reason}):"
        " give the path of a downloaded file, or None to start from random weights"
    )
    assert not (tmp_path / "refused").exists()
    assert "torchvision" not in "".join(before)
    assert before[0].startswith("done: "), "the first said nothing"
    assert "torchvision" not in ended.out.partition("done: ")[0].lower()
    assert (tmp_path / "work" / "epoch_2.pth").is_file()


def test_a_broken_torchvision_counts_as_absent(
    run_without: Callable[..., Any],
) -> None:
    code = """
import warnings
from mmaction.environment import tolerate_broken_torchvision
warnings.simplefilter("error")
for _ in range(2):
    assert str(tolerate_broken_torchvision()) == "operator torchvision::nms does not exist"
try:
    import torchvision.models
except ModuleNotFoundError:
    print("absent")
from mmengine.utils.dl_utils import collect_env
assert "TorchVision" not in collect_env()
"""
    ended = run_without(BROKEN, ["-c", code])
    assert (ended.code, ended.out) == (0, "absent\n"), ended.err


TAKE_AND_FREE = """
import resource
import numpy as np
from mmaction.environment import keep_freed_memory

{first}
for _ in range(3):
    np.ones(20_000_000, np.uint8), np.ones(50_000_000, np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(20_000_000, np.uint8), np.ones(50_000_000, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="of glibc's")
def test_what_was_freed_is_taken_again_without_new_pages(run_process: Callable[..., Any]) -> None:
    def page_faults(first: str) -> int:
        return int(run_process(sys.executable, "-c", TAKE_AND_FREE.format(first=first)).out)

    if page_faults("pass") < 1000:
        pytest.skip("this C library keeps freed memory by itself")
    assert page_faults("keep_freed_memory()") < 100
    command = "from mmaction.cli import run_command; run_command(lambda: None)"
    assert page_faults(command) < 100


def test_a_rival_over_the_package_is_named(tmp_path: Path, run_process: Callable[..., Any]) -> None:
    """mmaction2 in one directory with this project; silence where it lies elsewhere."""
    repository = Path(__file__).resolve().parents[1]
    site, other = tmp_path / "site", tmp_path / "other"
    for folder in (site, other):
        folder.mkdir()
    shutil.copytree(repository / "mmaction", site / "mmaction")
    code = f"import sys; sys.path[0] = {str(site)!r}; import mmaction"
    for folder, warned in ((other, False), (site, True)):
        info = folder / "mmaction2-1.2.0.dist-info"
        info.mkdir()
        told = "Metadata-Version: 2.1\nName: mmaction2\nVersion: 1.2.0\n"
        (info / "METADATA").write_text(told)
        ended = run_process(sys.executable, "-c", code, PYTHONPATH=other, PYTHONWARNINGS="")
        assert ended.code == 0
        assert ("mmaction2 1.2.0 is installed over" in ended.err) is warned, ended.err


def test_tools_use_the_checkout_they_lie_in(
    tmp_path: Path, run_process: Callable[..., Any]
) -> None:
    (tmp_path / "mmaction").mkdir()
    (tmp_path / "mmaction" / "__init__.py").write_text("raise SystemExit('the other one')")
    tools = Path(__file__).resolve().parents[1] / "tools"
    for script in ("train_recognizer.py", "data/check_dataset.py"):
        ended = run_process(sys.executable, tools / script, "--help", PYTHONPATH=str(tmp_path))
        assert ended.code == 0, ended.err
