"""The network computes on a GPU what it computes on a CPU: outputs, gradients, low precision."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmaction.models import STABN, ClipPreprocessor, Recognizer3D
from mmaction.models.inference import fuse_for_inference

pytestmark = pytest.mark.gpu
CLASSES, FRAMES, SIZE, BATCH = 5, 8, 64, 3
BACKBONE = dict(type="ResNet3D", depth=50, num_stages=3, base_channels=16)
EVIDENCE = dict(
    attention_branch=dict(
        type="EvidenceBranch",
        stage=dict(type="PointwiseStage", in_channels=256, out_channels=64),
    ),
    attention_mechanism=dict(gate="joint"),
)
NETWORKS = {
    "st_abn": lambda: STABN(num_classes=CLASSES, clip_len=FRAMES, backbone=dict(BACKBONE)),
    "st_abn, evidence": lambda: STABN(
        num_classes=CLASSES, clip_len=FRAMES, backbone=dict(BACKBONE), **copy.deepcopy(EVIDENCE)
    ),
    "st_abn, checkpointed": lambda: STABN(
        num_classes=CLASSES, clip_len=FRAMES, backbone=dict(BACKBONE, with_cp="selective")
    ),
    "resnet3d": lambda: Recognizer3D(
        num_classes=CLASSES, clip_len=FRAMES, backbone=dict(BACKBONE, num_stages=4)
    ),
}


def off(found: Tensor, expected: Tensor) -> float:
    """The largest difference, relative to the largest value."""
    found, expected = found.detach().cpu().double(), expected.detach().cpu().double()
    return ((found - expected).abs().max() / expected.abs().max().clamp_min(1e-12)).item()


def clips() -> Tensor:
    shape = (BATCH, 3, FRAMES, SIZE, SIZE)
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    return drawn.to(memory_format=torch.channels_last_3d)


def made(name: str) -> Any:
    """A network whose norms have seen something; no dropout, which each device draws for itself."""
    torch.manual_seed(0)
    model = NETWORKS[name]()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.momentum = 1.0  # the statistics of what it sees now
        elif isinstance(module, nn.Dropout):
            module.p = 0.0
    with torch.no_grad():
        model.train()(clips())
    return model


def answers(model: nn.Module, device: str) -> dict[str, Tensor]:
    with torch.no_grad():
        out = model.to(device).eval()(clips().to(device))
    names = ("scores", "attention_scores", "spatial_attention", "temporal_attention")
    return {name: getattr(out, name) for name in names if getattr(out, name) is not None}


def gradients(model: nn.Module, device: str) -> dict[str, Tensor]:
    """Of the cross-entropies in eval mode, where a norm passes differences on without rescaling."""
    out = model.to(device).eval()(clips().to(device))
    labels = torch.arange(BATCH, device=device)
    scores = [s for s in (out.scores, out.attention_scores) if s is not None]
    torch.stack([F.cross_entropy(s, labels) for s in scores]).sum().backward()
    return {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_the_cpus(name: str, device: str) -> None:
    expected, found = answers(made(name), "cpu"), answers(made(name), device)
    assert found.keys() == expected.keys()
    for key in expected:
        assert off(found[key], expected[key]) < 1e-4, key


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_the_cpus(name: str, device: str) -> None:
    expected, found = gradients(made(name), "cpu"), gradients(made(name), device)
    assert found.keys() == expected.keys()
    largest = max(value.abs().max().item() for value in expected.values())
    for key, value in expected.items():
        difference = (found[key].cpu() - value).abs().max().item()
        assert difference < 1e-4 * max(value.abs().max().item(), 1e-2 * largest), key


def test_training_statistics_are_the_cpus(device: str) -> None:
    models = {where: made("st_abn").to(where).train() for where in ("cpu", device)}
    for where, model in models.items():
        model(clips().to(where))
    expected = models["cpu"].state_dict()
    for key, value in models[device].state_dict().items():
        if "running" in key:
            assert off(value, expected[key]) < 1e-4, key


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
@pytest.mark.parametrize("name", ["st_abn", "resnet3d"])
def test_low_precision_is_right_to_its_rounding(name: str, dtype: torch.dtype, device: str) -> None:
    """No further off than twice what rounding to bf16 makes of it on a CPU."""
    if dtype is torch.float16 and device == "cpu":
        pytest.skip("needs a GPU")
    exact = answers(made(name), "cpu")
    rounded = []
    for where, kind in (("cpu", torch.bfloat16), (device, dtype)):
        with torch.autocast(where, kind):
            rounded.append(answers(made(name), where))
    for key, value in exact.items():
        of_cpu, found = ((each[key].cpu().float() - value).norm() for each in rounded)
        assert found < max(2 * of_cpu, 2**-8 * value.norm()), key


def test_the_fused_network_answers_likewise(device: str) -> None:
    expected = answers(fuse_for_inference(made("st_abn")), "cpu")
    found = answers(fuse_for_inference(made("st_abn")), device)
    for key in expected:
        assert off(found[key], expected[key]) < 1e-4, key


def test_clips_are_prepared_on_the_device(device: str) -> None:
    draw = torch.Generator().manual_seed(0)
    frames = torch.randint(0, 256, (2, 1, FRAMES, SIZE, SIZE, 3), generator=draw)
    color = torch.eye(3, 4).repeat(2, 1, 1) * torch.tensor([0.9, 1.1, 1.0, 1.0])
    batch = dict(inputs=frames.to(torch.uint8), color=color, samples=[])
    expected = ClipPreprocessor()(batch, training=False)["clips"]
    found = ClipPreprocessor().to(device)(batch, training=False)["clips"]
    assert found.device.type == device
    assert found.is_contiguous(memory_format=torch.channels_last_3d)
    assert off(found, expected) < 1e-6


def test_the_network_is_one_graph(device: str) -> None:
    model = made("st_abn").to(device).train()
    assert torch._dynamo.explain(model)(clips().to(device)).graph_break_count == 0


def test_a_cuda_graph_answers_likewise(cuda: str) -> None:
    model = fuse_for_inference(made("st_abn")).to(cuda)
    inputs = clips().to(cuda)
    with torch.no_grad():
        expected = model(inputs).scores.clone()
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            model(inputs)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            found = model(inputs).scores
        graph.replay()
    assert off(found, expected) < 1e-5
