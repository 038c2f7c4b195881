"""Tests of a GPU. ``GPU_TESTS_DEVICE=cpu`` runs what does not need one on the CPU.

They use nothing of the other tests' set-up: ``pytest tests/gpu --confcutdir=tests/gpu`` runs those
of the network where only torch, numpy and mmengine are installed.
"""

from __future__ import annotations

import importlib.util
import os

import pytest
import torch

# Runs need the project as a whole.
NEEDED = ("cv2", "av", "PIL", "safetensors", "matplotlib")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
collect_ignore = ["test_precision.py", "test_runs.py"] if MISSING else []
DEVICE = os.environ.get("GPU_TESTS_DEVICE", "cuda")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and DEVICE == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a GPU")


@pytest.fixture
def device() -> str:
    """What is tested; without TF32, whose products are off by 1e-3."""
    if DEVICE == "cuda":
        os.environ["NVIDIA_TF32_OVERRIDE"] = "0"  # of processes that a test starts
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    return DEVICE


@pytest.fixture
def cuda(device: str) -> str:
    """The same, for what no CPU has."""
    if device != "cuda":
        pytest.skip("needs a GPU")
    return device
