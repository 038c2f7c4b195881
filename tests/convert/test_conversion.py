from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from mmaction.convert.conversion import convert
from mmaction.errors import CheckpointError
from mmaction.models import STABN
from mmaction.registry import MODELS
from tests.convert.zoo import MMACTION, MMACTION2, in_their_names


def in_full(public: Any) -> dict[str, Tensor]:
    """The weights as ``read_checkpoint`` gives them."""
    state = public.content.get("state_dict", public.content.get("model_state_dict"))
    return {name.removeprefix("module."): value for name, value in state.items()}


@pytest.mark.parametrize("which", ["original", "reimplementation"])
@pytest.mark.parametrize("said", [True, False])
def test_the_converted_network_answers_as_the_formulae_do(
    public: dict[str, Any], which: str, said: bool
) -> None:
    source = public[which]
    layout = source.layout if said else "auto"
    found = convert(in_full(source), layout=layout, source="x.pth")
    assert found.layout.name == source.layout
    model = MODELS.build(found.settings).eval()
    assert isinstance(model, STABN)
    model.load_state_dict(found.state)
    clips = torch.randn(2, 3, 4, 64, 64)
    with torch.no_grad():
        got = model(clips)
    names = ("scores", "attention_scores", "spatial_attention", "temporal_attention")
    for name, expected in zip(names, source.answers(clips), strict=True):
        torch.testing.assert_close(getattr(got, name), expected, rtol=1e-3, atol=1e-4)


def test_what_the_original_carries_unused_is_counted(public: dict[str, Any]) -> None:
    found = convert(in_full(public["original"]), source="x.pth")
    assert found.dropped == {"necks.tpn": 1, "necks.aux_head": 2}
    assert convert(in_full(public["reimplementation"]), source="x.pth").dropped == {}


def test_this_projects_own_names_stay() -> None:
    model = STABN(
        num_classes=3,
        clip_len=2,
        backbone=dict(type="ResNet3D", depth=10, num_stages=3, base_channels=4),
    )
    state = model.state_dict()
    found = convert(state, source="x.pth")
    assert found.layout.name == "plain"
    assert found.state == state
    assert found.settings is not None
    assert "attention_mechanism" not in found.settings


def test_norms_without_counters_get_them(public: dict[str, Any]) -> None:
    """As torch before 0.4.1 wrote them."""
    state = {n: v for n, v in public["original"].state.items() if not n.endswith("_tracked")}
    found = convert(state, source="x.pth")
    MODELS.build(found.settings).load_state_dict(found.state)


def test_a_resnet_for_images_is_left_to_inflation() -> None:
    state = {"conv1.weight": torch.zeros(4, 3, 7, 7), "fc.weight": torch.zeros(2, 4)}
    with pytest.raises(CheckpointError, match=r"model\.backbone\.pretrained='r50\.pth' takes it"):
        convert(state, source="r50.pth")
    assert convert(state, layout="plain", source="r50.pth").state == state


@pytest.mark.parametrize(
    ("change", "layout", "expected"),
    [
        ({"backbone.other.weight": torch.zeros(1)}, "auto", r"no weights named backbone\.other"),
        ({}, "stabn", r"no weights named backbone\.conv1\.weight, .* more"),
        ({}, "st-bn", r"layout 'st-bn' is unknown; did you mean 'st-abn'"),
        (
            {"backbone.fc1.wrong.weight": torch.zeros(1)},
            "auto",
            r"no network here takes .*: backbone\.fc1\.wrong\.weight is unknown",
        ),
    ],
)
def test_names_that_do_not_belong_are_told(
    public: dict[str, Any], change: dict[str, Tensor], layout: str, expected: str
) -> None:
    state = {**public["original"].state, **change}
    with pytest.raises(CheckpointError, match=expected):
        convert(state, layout=layout, source="x.pth")


def test_two_weights_of_one_name_are_refused(resnet3d: dict[str, Tensor]) -> None:
    state = in_their_names(resnet3d, MMACTION2)
    state["backbone.layer1.0.conv1.conv.net.weight"] = torch.zeros(1)
    with pytest.raises(CheckpointError, match=r"two weights become backbone\.layer1\.0\.conv1\.w"):
        convert(state, source="x.pth")


def test_unknown_code_is_told_by_its_names() -> None:
    with pytest.raises(CheckpointError, match=r"of no code .* named encoder\.weight; --from plain"):
        convert({"encoder.weight": torch.zeros(1)}, source="x.pth")


def test_what_no_network_here_takes_is_told_with_the_reason(resnet3d: dict[str, Tensor]) -> None:
    """As MMAction's CSN and SlowFast name and shape theirs, or as none does."""
    state = in_their_names(resnet3d, MMACTION)
    conv, block = "backbone.layer3.1.conv1.weight", "backbone.layer1.0."
    separated = torch.zeros(8, 1, 3, 3, 3)
    for other, expected in (
        ({**state, conv: state[conv][:, :, :1]}, r"layer3\.1\.conv1\.weight is \(32, 32, 1, 3"),
        ({**state, f"{block}conv2.weight": separated}, r"stage 1 has channel-separated .*CSN"),
        ({**state, f"{block}conv2.0.weight": separated}, r"no network here has .* CSN"),
        ({"backbone.slow_path.conv1.conv.weight": separated}, r"no network here has .*SlowFast"),
    ):
        with pytest.raises(CheckpointError, match=rf"^x\.pth: .*{expected}") as caught:
            convert(other, source="x.pth")
        assert "\n" not in str(caught.value)


def test_a_re_implementations_linear_for_other_classes_is_named(public: dict[str, Any]) -> None:
    """174 classes are written into it: with 3 of 4 frames, 696 inputs stand where 12 belong."""
    state = {**public["reimplementation"].state, "fc_att_out.weight": torch.zeros(3, 174 * 4)}
    with pytest.raises(
        CheckpointError,
        match=r"fc_att_out\.weight is \(3, 696\) there, \(3, 12\) in this network$",
    ):
        convert(state, source="x.pth")
