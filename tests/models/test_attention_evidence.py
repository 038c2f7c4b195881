from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from mmaction.errors import ConfigError
from mmaction.models import EvidenceBranch, PointwiseStage


def batch_norm(x: Tensor, bn: nn.Module) -> Tensor:
    """Batch norm in training mode, spelt out: biased variance over all but the channels."""
    mean = x.mean([0, 2, 3, 4], keepdim=True)
    var = ((x - mean) ** 2).mean([0, 2, 3, 4], keepdim=True)
    shape = (1, -1, 1, 1, 1)
    return (x - mean) / torch.sqrt(var + bn.eps) * bn.weight.view(shape) + bn.bias.view(shape)


def make_branch(*, num_classes: int, clip_len: int, **options: int) -> EvidenceBranch:
    stage = nn.Conv3d(3, 6, 1)
    stage.out_channels = 6
    return EvidenceBranch(stage=stage, num_classes=num_classes, clip_len=clip_len, **options)


def smoothed(values: list[float], frames: int) -> list[float]:
    """Mean over the frames within reach that there are."""
    reach = frames // 2
    windows = [values[max(0, t - reach) : t + reach + 1] for t in range(len(values))]
    return [sum(window) / len(window) for window in windows]


@pytest.mark.parametrize("of_answer", [False, True])
@pytest.mark.parametrize(
    ("num_classes", "clip_len", "size", "frames"), [(3, 1, 4, 1), (5, 4, 3, None), (1, 6, 2, 5)]
)
def test_equals_the_formulas_step_by_step(
    num_classes: int, clip_len: int, size: int, frames: int | None, of_answer: bool
) -> None:
    """Smoothed over three frames where nothing is said."""
    torch.manual_seed(0)
    options = {} if frames is None else dict(smoothing_frames=frames)
    options |= dict(of_answer=True) if of_answer else {}
    branch = make_branch(num_classes=num_classes, clip_len=clip_len, **options)
    for parameter in (branch.spatial_weight, branch.temporal_weight, branch.score_bias):
        nn.init.uniform_(parameter, -1, 1)
    nn.init.uniform_(branch.bn_response.bias, 0, 0.5)
    features = torch.randn(2, 3, clip_len, size, size)
    out = branch(features)

    x = batch_norm(branch.stage(features), branch.bn_stage)
    x = torch.einsum("oc,bcthw->bothw", branch.conv_response.weight[:, :, 0, 0, 0], x)
    response = batch_norm(x, branch.bn_response).clamp(min=0)
    torch.testing.assert_close(out.response, response, rtol=1e-4, atol=1e-5)
    classes = range(num_classes)
    for b in range(2):
        powers = [
            math.exp(
                math.exp(branch.log_scale.item()) * response[b, k].mean().item()
                + branch.score_bias[k].item()
            )
            for k in classes
        ]
        belief = [power / sum(powers) if of_answer else 1.0 for power in powers]
        evidence = sum(
            abs(branch.spatial_weight[k].item()) * belief[k] * response[b, k] for k in classes
        )
        spatial = evidence / evidence.max()
        means = [
            sum(
                abs(branch.temporal_weight[k].item())
                * belief[k]
                * (spatial * response[b, k])[t].mean().item()
                for k in classes
            )
            for t in range(clip_len)
        ]
        weights = smoothed(means, frames or 3)
        temporal = torch.tensor([weight / max(weights) for weight in weights])
        attention = spatial * temporal[:, None, None]
        scores = torch.stack(
            [(attention * response[b, k]).sum() / attention.sum() for k in classes]
        )
        scores = scores * math.exp(branch.log_scale.item()) + branch.score_bias
        torch.testing.assert_close(out.spatial[b, 0], spatial, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(out.temporal[b, 0, :, 0, 0], temporal, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(out.scores[b], scores, rtol=1e-4, atol=1e-4)


def test_a_clip_without_any_evidence_gets_none_and_finite_scores() -> None:
    branch = make_branch(num_classes=2, clip_len=4).eval()
    nn.init.constant_(branch.bn_response.bias, -100)
    out = branch(torch.randn(1, 3, 4, 3, 3))
    assert out.spatial.abs().max() == out.temporal.abs().max() == 0
    assert torch.equal(out.scores[0], branch.score_bias)


def test_smoothed_in_time_a_cell_has_the_mean_of_its_neighbours() -> None:
    branch = make_branch(num_classes=1, clip_len=5, spatial_smoothing_frames=3)
    response = torch.rand(2, 1, 5, 2, 2)
    found = branch.spatial(response)
    for b in range(2):
        cells = [smoothed(response[b, 0].flatten(1)[:, cell].tolist(), 3) for cell in range(4)]
        evidence = torch.tensor(cells).T
        torch.testing.assert_close(found[b, 0].flatten(1), evidence / evidence.max())


def test_smoothed_over_cells_too_a_cell_has_the_mean_of_the_box_around_it() -> None:
    branch = make_branch(
        num_classes=1, clip_len=4, spatial_smoothing_frames=3, spatial_smoothing_cells=3
    )
    response = torch.zeros(1, 1, 4, 3, 3)
    response[0, 0, 0, 0, 0] = 9.0
    found = branch.spatial(response)[0, 0]
    # Boxes hold as many cells as there are: 2·2·2 in the corner, 3·2·2 a frame on, 3·3·3 within.
    boxes = torch.tensor([8.0, 12.0]).view(2, 1, 1) * torch.tensor([[1, 1.5], [1.5, 2.25]])
    torch.testing.assert_close(found[:2, :2, :2], 8 / boxes)
    assert (found > 0).sum() == 8


def test_absolute_maps_of_less_evidence_than_usual_are_faint() -> None:
    branch = make_branch(num_classes=1, clip_len=3, smoothing_frames=1, absolute=True)
    response = torch.zeros(2, 1, 3, 2, 2)
    response[0, 0, 1, 0, 0], response[1, 0, 1, 0, 0] = 6.0, 2.0
    branch.temporal(response, branch.spatial(response))  # trains: the mean of 6 and 2 is usual
    branch.eval()
    spatial = branch.spatial(response)
    assert spatial.amax(dim=(1, 2, 3, 4)).tolist() == [1.0, 0.5]
    # A_t's evidence, mean over cells of A_s·R: (6 + 1)/8 was usual, as A_s was 1 and 1/2.
    weights = branch.temporal(response, spatial).amax(dim=(1, 2, 3, 4))
    torch.testing.assert_close(weights, torch.tensor([1.0, 1 / 3.5]))
    before = branch.usual.clone()
    branch.train().spatial(2 * response)  # the mean of 12 and 4, by a twentieth
    torch.testing.assert_close(branch.usual, torch.stack([before[0] + 4 / 20, before[1]]))
    assert "usual" not in make_branch(num_classes=1, clip_len=3).state_dict()


@pytest.mark.parametrize("frames", [0, 2, -1, 1.5, "3"])
@pytest.mark.parametrize(
    "option", ["smoothing_frames", "spatial_smoothing_frames", "spatial_smoothing_cells"]
)
def test_smoothing_over_an_even_number_of_frames_is_refused(option: str, frames: object) -> None:
    with pytest.raises(ConfigError, match=rf"attention_branch\.{option}="):
        make_branch(num_classes=3, clip_len=4, **{option: frames})  # type: ignore[dict-item]


def test_a_pointwise_stage_lets_each_cell_answer_for_itself() -> None:
    torch.manual_seed(0)
    stage = PointwiseStage(in_channels=3, out_channels=7).eval()
    x = torch.randn(1, 3, 4, 5, 5)
    changed = x.clone()
    changed[0, :, 1, 2, 3] += 1
    differs = (stage(x) != stage(changed)).any(dim=1)[0]
    assert stage(x).shape == (1, stage.out_channels, 4, 5, 5)
    assert differs.nonzero().tolist() == [[1, 2, 3]]
    assert stage(x).min() == 0
