from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import mmaction
from mmaction.apis import load_config, train
from mmaction.apis.recognizer import inference_recognizer, init_recognizer, load_recognizer
from mmaction.checkpoint.reading import read_checkpoint
from mmaction.errors import CheckpointError
from tests.conftest import CLASSES


def test_has_the_checkpoints_weights_and_is_ready_to_answer(
    tiny_config: Path, tiny_checkpoint: Path
) -> None:
    model = load_recognizer(load_config(tiny_config), tiny_checkpoint)
    expected = read_checkpoint(tiny_checkpoint)["state_dict"]
    assert model.state_dict().keys() == expected.keys()
    for name, weight in model.state_dict().items():
        assert torch.equal(weight.cpu(), expected[name]), name
    assert not any(module.training for module in model.modules())


def test_a_training_s_checkpoint_needs_neither_config_nor_data(
    own_data: Path, make_config: Callable[..., Path], tmp_path: Path
) -> None:
    train(load_config(make_config(own_data, "model['backbone']['pretrained'] = None")))
    moved = tmp_path / "moved.pth"
    (tmp_path / "work" / "epoch_1.pth").rename(moved)
    frames = np.random.default_rng(0).integers(0, 256, (9, 36, 48, 3), np.uint8)
    by_config = init_recognizer(tmp_path / "tiny.py", moved)
    expected = inference_recognizer(by_config, frames, explain=True)
    shutil.rmtree(own_data)
    (tmp_path / "tiny.py").unlink()
    model = mmaction.load(moved, device="cpu")
    found = model(frames, explain=True)
    assert model.classes == tuple(CLASSES)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-6)
    np.testing.assert_allclose(found.spatial, expected.spatial, atol=1e-6)
    said = read_checkpoint(moved)["meta"]["recognizer"]
    assert "pretrained" not in said
    assert str(tmp_path) not in said


def test_a_file_without_a_description_takes_a_config(
    tiny_config: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare.pth"
    torch.save({"state_dict": read_checkpoint(tiny_checkpoint)["state_dict"]}, bare)
    with pytest.raises(CheckpointError, match=r"bare\.pth doesn't describe its recognizer"):
        mmaction.load(bare)
    assert mmaction.load(bare, config=tiny_config).classes == tuple(CLASSES)
