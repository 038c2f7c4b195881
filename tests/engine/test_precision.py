from __future__ import annotations

import pytest
import torch
from mmengine.config import Config
from torch import nn

from mmaction.engine import Bf16OptimWrapper
from mmaction.engine.precision import use_mixed_precision
from mmaction.errors import ConfigError

GPU = torch.cuda.is_available()


def config(**wrapper: object) -> Config:
    return Config(dict(optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1), **wrapper)))


@pytest.mark.skipif(GPU, reason="computes where the GPU is")
def test_forward_in_bf16_and_weights_in_float32() -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    wrapper = Bf16OptimWrapper(optimizer=torch.optim.SGD(model.parameters(), lr=0.5))
    clips, before = torch.randn(3, 4), model.weight.detach().clone()
    with wrapper.optim_context(model):
        out = model(clips)
    assert out.dtype == torch.bfloat16
    wrapper.update_params(out.float().sum())
    assert model.weight.dtype == torch.float32
    # The gradient of the sum is the sum of the inputs, which bf16 keeps to 8 bits.
    expected = 0.5 * clips.sum(0, keepdim=True)
    torch.testing.assert_close(before - model.weight.detach(), expected, rtol=2e-2, atol=1e-2)


def test_bf16_keeps_what_the_config_says_of_the_optimizer() -> None:
    cfg = config(
        type="TrainingAmpOptimWrapper",
        loss_scale="dynamic",
        accumulative_counts=2,
        clip_grad={"a": 1},
    )
    use_mixed_precision(cfg, "bf16")
    assert cfg.optim_wrapper == dict(
        type="Bf16OptimWrapper",
        optimizer=dict(type="SGD", lr=0.1),
        accumulative_counts=2,
        clip_grad={"a": 1},
    )


def test_the_machine_decides_where_nobody_does() -> None:
    cfg = config()
    use_mixed_precision(cfg)
    assert cfg.optim_wrapper.type == ("TrainingAmpOptimWrapper" if GPU else "Bf16OptimWrapper")


@pytest.mark.skipif(GPU, reason="this machine has a GPU")
def test_fp16_needs_a_gpu() -> None:
    with pytest.raises(ConfigError, match="fp16 needs a GPU.*--amp-dtype bf16"):
        use_mixed_precision(config(), "fp16")


def test_another_wrapper_stays_what_it_is() -> None:
    with pytest.raises(ConfigError, match="optim_wrapper.type='ApexOptimWrapper' is none of"):
        use_mixed_precision(config(type="ApexOptimWrapper"), "bf16")
