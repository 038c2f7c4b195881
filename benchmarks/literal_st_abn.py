"""ST-ABN written down literally, formula by formula: the peer of the speed benchmark.

Plain ``nn.Conv3d`` everywhere, every result kept, [x_s, x_t] concatenated, the class scores' K→K
convolution before the average, as the paper (arXiv:2110.15574) says it. Takes the weights of
``mmaction.models.STABN`` under their own names.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def conv(cin: int, cout: int, kernel: tuple[int, int, int], stride: int = 1) -> nn.Conv3d:
    padding = tuple(k // 2 for k in kernel)
    return nn.Conv3d(cin, cout, kernel, stride=(1, stride, stride), padding=padding, bias=False)


class Block(nn.Module):
    """A residual block: two 3×3 convolutions, or 1×1 down, 3×3, 1×1 up."""

    def __init__(self, cin: int, planes: int, *, stride: int, inflate: bool, deep: bool) -> None:
        super().__init__()
        cout, taps = planes * (4 if deep else 1), 3 if inflate else 1
        if deep:
            self.conv1 = conv(cin, planes, (taps, 1, 1))
            self.conv2 = conv(planes, planes, (1, 3, 3), stride)
            self.conv3 = conv(planes, cout, (1, 1, 1))
            self.bn3 = nn.BatchNorm3d(cout)
        else:
            self.conv1 = conv(cin, planes, (taps, 3, 3), stride)
            self.conv2 = conv(planes, planes, (taps, 3, 3))
        self.bn1, self.bn2 = nn.BatchNorm3d(planes), nn.BatchNorm3d(planes)
        self.deep = deep
        self.relu = nn.ReLU()
        self.downsample = None
        if cin != cout or stride != 1:
            self.downsample = nn.Sequential(
                conv(cin, cout, (1, 1, 1), stride), nn.BatchNorm3d(cout)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.deep:
            out = self.bn3(self.conv3(self.relu(out)))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


def stage(number: int, blocks: int, *, stride: int, deep: bool) -> nn.Sequential:
    """Residual stage ``number``, 1 to 4, of a 3D ResNet; inflated from the third on."""
    width, planes = 4 if deep else 1, 64 * 2 ** (number - 1)
    cin = 64 if number == 1 else planes // 2 * width
    made = nn.Sequential()
    for i in range(blocks):
        made.append(
            Block(
                cin if i == 0 else planes * width,
                planes,
                stride=stride if i == 0 else 1,
                inflate=number > 2,
                deep=deep,
            )
        )
    return made


class Stem(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = conv(3, 64, (1, 7, 7), 2)
        self.bn = nn.BatchNorm3d(64)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.relu(self.bn(self.conv(x))))


class Temporal(nn.Module):
    def __init__(self, classes: int, frames: int) -> None:
        super().__init__()
        self.conv = conv(classes, 1, (3, 3, 3))
        self.bn = nn.BatchNorm3d(1)
        self.mix = nn.Conv2d(frames, frames, 1, bias=False)
        self.fc1, self.fc2 = nn.Linear(frames, frames), nn.Linear(frames, frames)

    def forward(self, response: Tensor) -> Tensor:
        x = torch.relu(self.bn(self.conv(response)))
        x = torch.relu(self.mix(x.squeeze(1))).mean(dim=(2, 3))
        x = torch.sigmoid(self.fc2(torch.relu(self.fc1(x))))
        return x[:, None, :, None, None]


class AttentionBranch(nn.Module):
    def __init__(self, stage: nn.Module, channels: int, classes: int, frames: int) -> None:
        super().__init__()
        self.stage = stage
        self.bn_stage = nn.BatchNorm3d(channels)
        self.conv_response = conv(channels, classes, (1, 1, 1))
        self.bn_response = nn.BatchNorm3d(classes)
        self.conv_scores = conv(classes, classes, (1, 1, 1))
        self.dropout = nn.Dropout(0.5)
        self.fc_scores = nn.Linear(classes * frames, classes)
        self.conv_spatial = conv(classes, 1, (1, 1, 1))
        self.bn_spatial = nn.BatchNorm3d(1)
        self.temporal = Temporal(classes, frames)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        response = self.conv_response(self.bn_stage(self.stage(x)))
        response = torch.relu(self.bn_response(response))
        per_frame = self.conv_scores(response).mean(dim=(3, 4))
        scores = self.fc_scores(self.dropout(per_frame.flatten(1)))
        spatial = torch.sigmoid(self.bn_spatial(self.conv_spatial(response)))
        return scores, spatial, self.temporal(response)


class Mechanism(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = conv(2 * channels, channels, (1, 1, 1))
        self.bn = nn.BatchNorm3d(channels)

    def forward(self, x: Tensor, spatial: Tensor, temporal: Tensor) -> Tensor:
        weighed = torch.cat([x * (1 + spatial), x * temporal], dim=1)
        return torch.relu(self.bn(self.conv(weighed)))


class PerceptionBranch(nn.Module):
    def __init__(self, stage: nn.Module, channels: int, classes: int) -> None:
        super().__init__()
        self.stage = stage
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.dropout(self.stage(x).mean(dim=(2, 3, 4))))


class LiteralSTABN(nn.Module):
    """Clips B×3×T×H×W to logits B×K of the perception and of the attention branch.

    Args:
        blocks: Of the four stages.
        deep: Whether blocks are bottlenecks.
        classes: K.
        frames: T.
    """

    def __init__(self, *, blocks: Sequence[int], deep: bool, classes: int, frames: int) -> None:
        super().__init__()
        features, channels = (1024, 2048) if deep else (256, 512)
        self.backbone = nn.Module()
        self.backbone.stem = Stem()
        for number, (count, stride) in enumerate(zip(blocks[:3], (1, 2, 2), strict=True), start=1):
            made = stage(number, count, stride=stride, deep=deep)
            self.backbone.add_module(f"layer{number}", made)
        fine, coarse = (stage(4, blocks[3], stride=stride, deep=deep) for stride in (1, 2))
        self.attention_branch = AttentionBranch(fine, channels, classes, frames)
        self.attention_mechanism = Mechanism(features)
        self.perception_branch = PerceptionBranch(coarse, channels, classes)

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        x = clips
        for part in self.backbone.children():
            x = part(x)
        attention_scores, spatial, temporal = self.attention_branch(x)
        x = self.attention_mechanism(x, spatial, temporal)
        return self.perception_branch(x), attention_scores
