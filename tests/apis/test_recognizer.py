from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmaction.apis import load_config
from mmaction.apis.recognizer import load_recognizer
from mmaction.checkpoint.reading import read_checkpoint
from mmaction.errors import CheckpointError, ConfigError


def test_has_the_checkpoints_weights_and_is_ready_to_answer(
    tiny_config: Path, tiny_checkpoint: Path
) -> None:
    model = load_recognizer(load_config(tiny_config), tiny_checkpoint)
    expected = read_checkpoint(tiny_checkpoint)["state_dict"]
    assert model.state_dict().keys() == expected.keys()
    for name, weight in model.state_dict().items():
        assert torch.equal(weight.cpu(), expected[name]), name
    assert not any(module.training for module in model.modules())


def test_refuses_what_does_not_fit(tiny_config: Path, tiny_checkpoint: Path) -> None:
    wider = load_config(tiny_config, {"model.backbone.base_channels": 8})
    with pytest.raises(CheckpointError, match=r"epoch_1.pth.*is \(.*there, \(.*in this network"):
        load_recognizer(wider, tiny_checkpoint)
    unknown = load_config(tiny_config, {"model.type": "STABM"})
    with pytest.raises(ConfigError, match="'STABM' is no model .* did you mean 'STABN'"):
        load_recognizer(unknown, tiny_checkpoint)
