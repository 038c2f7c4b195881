from __future__ import annotations

import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from mmaction.engine import Bf16OptimWrapper, TrainingOptimWrapper
from mmaction.engine.optimizers import fuse_on_gpu, use_mixed_precision
from mmaction.errors import ConfigError
from mmaction.registry import OPTIM_WRAPPERS

GPU = torch.cuda.is_available()


def stepped(wrapper: OptimWrapper, model: nn.Module) -> None:
    wrapper.update_params(model(torch.tensor([[3.0, 4.0]])).sum())


def test_gradients_are_clipped_as_by_mmengine() -> None:
    torch.manual_seed(0)
    models = [nn.Linear(2, 1, bias=False) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    for model, kind in zip(models, (OptimWrapper, TrainingOptimWrapper), strict=True):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        stepped(kind(optimizer=optimizer, clip_grad=dict(max_norm=1.0)), model)
    assert torch.equal(models[0].weight, models[1].weight)


@pytest.mark.parametrize(
    ("clip_grad", "norm"),
    [
        (None, 5),
        (dict(max_norm=1.0), 5),
        (dict(max_norm=1.0, norm_type=1), 7),
        (dict(max_norm=1.0, norm_type="inf"), 4),
        (dict(type="value", clip_value=0.5), 5),
    ],
)
def test_the_norm_before_gradients_are_clipped(clip_grad: dict | None, norm: float) -> None:
    """The gradient is the input, 3 and 4."""
    model = nn.Linear(2, 1, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    wrapper = TrainingOptimWrapper(optimizer, clip_grad=clip_grad)
    assert wrapper.clips_by_norm is (clip_grad is not None and "max_norm" in clip_grad)
    wrapper.backward(model(torch.tensor([[3.0, 4.0]])).sum())
    assert wrapper.gradient_norm().item() == pytest.approx(norm)


def test_values_are_clipped() -> None:
    model = nn.Linear(2, 1, bias=False)
    before = model.weight.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    wrapper = TrainingOptimWrapper(optimizer, clip_grad=dict(type="value", clip_value=0.5))
    stepped(wrapper, model)
    torch.testing.assert_close(before - model.weight.detach(), torch.full((1, 2), 0.5))


@pytest.mark.parametrize("saved", [None, True])
@pytest.mark.parametrize("loaded", [None, True])
def test_a_checkpoint_does_not_say_whether_the_optimizer_is_fused(
    saved: bool | None, loaded: bool | None
) -> None:
    """And the next step is as it would have been without the way through a file."""
    torch.manual_seed(0)
    model = nn.Linear(2, 1, bias=False)
    first = TrainingOptimWrapper(torch.optim.AdamW(model.parameters(), lr=0.1, fused=saved))
    stepped(first, model)
    other = copy.deepcopy(model)
    second = TrainingOptimWrapper(torch.optim.AdamW(other.parameters(), lr=9.0, fused=loaded))
    second.load_state_dict(first.state_dict())
    assert second.param_groups[0]["fused"] is loaded
    assert second.param_groups[0]["lr"] == 0.1
    stepped(first, model)
    stepped(second, other)
    torch.testing.assert_close(other.weight, model.weight)


@pytest.mark.parametrize(
    "kind", ["TrainingOptimWrapper", "TrainingAmpOptimWrapper", "Bf16OptimWrapper"]
)
def test_all_wrappers_are_of_one_kind(kind: str) -> None:
    assert issubclass(OPTIM_WRAPPERS.get(kind), TrainingOptimWrapper)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (dict(type="SGD"), True),
        (dict(type="AdamW"), True),
        (dict(type=torch.optim.Adam), True),
        (dict(type="AdamW", fused=False), False),
        (dict(type="SGD", foreach=True), None),
        (dict(type="RMSprop"), None),
        (dict(), None),
    ],
)
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_optimizers_are_fused_on_gpus_alone(
    config: dict, expected: bool | None, device: str
) -> None:
    config = dict(config)
    said = config.get("fused")
    with FakeTensorMode():  # needs no GPU to be there
        parameters = [nn.Parameter(torch.empty(2, device=device))]
    fuse_on_gpu(config, parameters)
    assert config.get("fused") is (expected if device == "cuda" else said)


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
