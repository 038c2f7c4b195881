"""What holds for every explainer: nothing leaks, targets, shapes, repeatability."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mmaction.errors import ConfigError, UserError
from mmaction.explain import Explainer
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.registry import EXPLAINERS

QUICK: dict[str, dict[str, Any]] = {
    "frame_shapley": dict(groups=3),
    "integrated_gradients": dict(steps=3),
    "occlusion": dict(window=(2, 16, 16), stride=(2, 16, 16)),
    "perturbation": dict(areas=(0.1, 0.3), grid=(2, 3, 3), steps=3),
    "rise": dict(masks=6, grid=(2, 3, 3)),
}
CONTROLS = {"random", "center", "blurred_random", "frame_difference", "compensated_difference"}
NEEDS_ATTENTION = {"attention", "class_response", "refined_attention"}
NEEDS_TOKENS = {"attention_rollout"}
SIGNED = {"saliency_tube", "frame_shapley"}
OWN_WEIGHTS = {"attention", "refined_attention"}
CLASS_AGNOSTIC = CONTROLS | NEEDS_TOKENS | OWN_WEIGHTS
ALL = sorted(EXPLAINERS.module_dict)
BOTH = [
    (name, kind)
    for name in ALL
    for kind in ("st_abn", "plain", "tokens")
    if (kind == "tokens") == (name in NEEDS_TOKENS)
    and not (kind == "plain" and name in NEEDS_ATTENTION)
]
each_explainer = pytest.mark.parametrize("name", ALL)
each_pair = pytest.mark.parametrize(("name", "kind"), BOTH)


def build(name: str) -> Explainer:
    if name in ("integrated_gradients", "occlusion"):
        pytest.importorskip("captum")
    return EXPLAINERS.build(dict(type=name, **QUICK.get(name, {})))


@pytest.fixture
def suited(name: str, make_model: Callable[..., BaseRecognizer]) -> BaseRecognizer:
    """A model that the explainer can explain."""
    return make_model("tokens" if name in NEEDS_TOKENS else "st_abn")


def state_of(model: nn.Module) -> dict[str, Any]:
    """All that an explainer could change, to be compared with ``==``."""
    hooks = [k for k in vars(nn.Module()) if k.endswith("_hooks")]
    assert "_forward_hooks" in hooks
    parameters = dict(model.named_parameters())
    return dict(
        modes={n: m.training for n, m in model.named_modules()},
        requires_grad={n: p.requires_grad for n, p in parameters.items()},
        grads={n: None if p.grad is None else as_bytes(p.grad) for n, p in parameters.items()},
        values={n: as_bytes(v) for n, v in model.state_dict().items()},
        hooks={n: [len(vars(m)[k]) for k in hooks] for n, m in model.named_modules()},
        torch_rng=as_bytes(torch.get_rng_state()),
        numpy_rng=str(np.random.get_state()),
        python_rng=random.getstate(),
        grad_mode=torch.is_grad_enabled(),
    )


def as_bytes(tensor: torch.Tensor) -> bytes:
    return tensor.detach().numpy().tobytes()


def disorder(model: nn.Module) -> None:
    """A model in the middle of its training, parts of it frozen, with gradients of an old step."""
    model.train()
    list(model.children())[-1].eval()
    for index, parameter in enumerate(model.parameters()):
        parameter.requires_grad_(index % 3 > 0)
        parameter.grad = torch.full_like(parameter, index) if index % 2 else None


def test_all_that_were_promised_are_there() -> None:
    assert set(ALL) >= CONTROLS | NEEDS_ATTENTION | set(QUICK) | {"grad_cam", "saliency_tube"}


@each_pair
@pytest.mark.parametrize("target", [None, 1])
def test_leaves_everything_as_it_was(name, kind, target, make_model, clips) -> None:
    model, explainer = make_model(kind), build(name)
    disorder(model)
    pixels, before = clips.clone(), state_of(model)
    explanation = explainer(model, clips, target)
    assert state_of(model) == before
    assert torch.equal(clips, pixels)
    assert not clips.requires_grad
    assert not explanation.spatial.requires_grad
    assert not explanation.temporal.requires_grad


@each_pair
def test_leaves_everything_as_it_was_when_the_forward_raises(name, kind, make_model, clips) -> None:
    class Break(nn.Module):
        def forward(self, pooled: torch.Tensor) -> torch.Tensor:
            torch.rand(1)
            raise RuntimeError("out of order")

    model, explainer = make_model(kind), build(name)
    if kind == "tokens":
        model.backbone.network.layernorm = Break()
    else:
        head = model.perception_branch if kind == "st_abn" else model.head
        head.dropout = Break()
    disorder(model)
    before = state_of(model)
    # With a target, the explainer's own passes are the ones to fail.
    with pytest.raises(RuntimeError, match="out of order"):
        explainer(model, clips, None if name in CONTROLS else 1)
    assert state_of(model) == before


@each_pair
@pytest.mark.parametrize(("frames", "stride"), [(4, 1), (6, 2)])
def test_maps_have_the_contract_s_shapes(name, kind, frames, stride, make_model) -> None:
    strides = dict(temporal_strides=(1, stride, 1, 1)) if kind != "tokens" else {}
    model = make_model(kind, clip_len=frames, backbone=strides)
    explanation = build(name).explain(model, torch.randn(2, 3, frames, 32, 32))
    assert explanation.method == name
    assert explanation.spatial.dtype == explanation.temporal.dtype == torch.float32
    assert explanation.spatial.shape[:2] == explanation.temporal.shape == (2, frames)
    if name not in OWN_WEIGHTS:
        torch.testing.assert_close(explanation.temporal, explanation.spatial.mean((2, 3)))
    if name not in SIGNED:
        assert explanation.spatial.min() >= 0
        assert explanation.spatial.max() > 0


@each_explainer
def test_default_target_is_the_predicted_class(name, suited, clips) -> None:
    suited.eval()
    with torch.no_grad():
        predicted = suited(clips).scores.argmax(dim=1)
    default = build(name)(suited, clips)
    assert torch.equal(default.target, predicted)
    named = build(name)(suited, clips, predicted)
    assert torch.equal(default.spatial, named.spatial)


@each_explainer
def test_the_same_again_and_clip_by_clip_whatever_the_other_s_target(name, suited, clips) -> None:
    together, again = (build(name)(suited, clips, torch.tensor([3, 0])) for _ in range(2))
    assert together.target.tolist() == [3, 0]
    assert torch.equal(together.spatial, again.spatial)
    assert torch.equal(together.temporal, again.temporal)
    for index, target in enumerate((3, 0)):
        alone = build(name)(suited, clips[index : index + 1], target)
        assert alone.target.tolist() == [target]
        torch.testing.assert_close(alone.spatial[0], together.spatial[index])


@pytest.mark.parametrize("name", sorted(set(ALL) - CLASS_AGNOSTIC))
def test_classes_have_maps_of_their_own(name, st_abn, clips) -> None:
    maps = [build(name)(st_abn, clips, target).spatial for target in (0, 1)]
    assert not torch.allclose(*maps)


NO_CLASS = "target=(-1|5|-2): the model's classes are 0 to 4"
NOT_ONE_EACH = "one class for each of 2 clips"


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        *((target, ConfigError, NO_CLASS) for target in (-1, 5)),
        *((torch.tensor(each), ConfigError, NO_CLASS) for each in ([0, 5], [-2, 0])),
        *((target, ConfigError, "expected a class number") for target in (True, 1.0, "bend")),
        *((torch.tensor(each), ValueError, NOT_ONE_EACH) for each in ([1.0, 2.0], [1], [[1, 2]])),
    ],
)
def test_refuses_a_target_that_is_no_class_of_each_clip(
    target, error, message, st_abn, clips
) -> None:
    with pytest.raises(error, match=message):
        build("random")(st_abn, clips, target)


def test_refuses_clips_of_another_shape_or_type(st_abn, clips) -> None:
    for wrong in (clips[0], clips[:, :2], clips[:0]):
        with pytest.raises(ValueError, match="expected B×3×T×H×W"):
            build("random")(st_abn, wrong)
    with pytest.raises(ValueError, match="expected normalised float clips"):
        build("random")(st_abn, clips.to(torch.uint8))


@each_explainer
@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode])
def test_works_inside_no_grad_and_with_all_parameters_frozen(name, around, suited, clips) -> None:
    expected = build(name)(suited, clips, 1)
    suited.requires_grad_(False)
    with around():
        explanation = build(name)(suited, clips * 1, 1)
    torch.testing.assert_close(explanation.spatial, expected.spatial)


@pytest.mark.parametrize("name", sorted(set(ALL) - CONTROLS))
def test_says_so_when_the_network_has_diverged(name, suited, clips) -> None:
    with torch.no_grad():
        for parameter in suited.parameters():
            parameter.fill_(float("nan"))
    with pytest.raises(UserError, match=f"{name}: the (spatial|temporal) map holds NaN"):
        build(name)(suited, clips, 1)
