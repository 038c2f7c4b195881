"""A torchvision that is absent or broken costs one warning and the ImageNet weights."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BROKEN = "raise RuntimeError('operator torchvision::nms does not exist')\n"
ABSENT = "raise ModuleNotFoundError(f'No module named {__name__!r}', name=__name__)\n"


@pytest.mark.parametrize(
    ("package", "warning"),
    [
        (BROKEN, "operator torchvision::nms does not exist); going on without it"),
        (ABSENT, "is skipped: torchvision can't be imported (No module named 'torchvision')"),
    ],
    ids=["broken", "absent"],
)
def test_a_run_goes_on_without_torchvision(
    package: str,
    warning: str,
    tiny_data: Path,
    make_config: Callable[..., Path],
    run_process: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """A whole training that wants ImageNet weights, in a process of its own."""
    (tmp_path / "first" / "torchvision").mkdir(parents=True)
    (tmp_path / "first" / "torchvision" / "__init__.py").write_text(package)
    config = make_config(tiny_data, "model['backbone']['pretrained'] = 'torchvision://resnet18'")
    command = [sys.executable, "tools/train_recognizer.py", config, "--no-validate"]
    repository = str(Path(__file__).resolve().parents[2])
    ended = run_process(
        *command, PYTHONPATH=f"{tmp_path / 'first'}:{repository}", PYTHONWARNINGS=""
    )
    assert ended.code == 0, ended.err
    assert ended.err.count("Warning") == 1, ended.err
    assert warning in ended.err
    assert (tmp_path / "work" / "epoch_1.pth").is_file()


def test_a_broken_torchvision_nobody_needs_costs_one_warning(
    run_process: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(BROKEN)
    code = f"""
import sys, warnings
sys.path.insert(0, {str(tmp_path)!r})
from mmaction.engine import tolerate_broken_torchvision
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    tolerate_broken_torchvision()
    tolerate_broken_torchvision()
assert len(caught) == 1, [str(w.message) for w in caught]
try:
    import torchvision.models
except ModuleNotFoundError:
    print("absent")
from mmengine.utils.dl_utils import collect_env
assert "TorchVision" not in collect_env()
"""
    ended = run_process(sys.executable, "-c", code, PYTHONWARNINGS="")
    assert (ended.code, ended.out) == (0, "absent\n"), ended.err
