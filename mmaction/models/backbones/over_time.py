"""What lets the blocks of an image network see other frames.

Both stand before the first convolution of a residual block, within the residual: the shortcut
passes each frame on as it is. Dimension letters: N images, which are B clips of T frames each.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmaction.errors import ConfigError

TEMPORAL = (None, "shift", "conv")
# The first convolution of a block's residual, by the names that timm and torchvision use.
_FIRST = ("conv_pw", "conv1", "conv_dw", "conv_exp")


def shifted(x: Tensor, shift_div: int, *, time: int, channels: int) -> Tensor:
    """The temporal shift of TSM (Lin et al., arXiv:1811.08383).

    The first C/``shift_div`` channels come from the frame behind, the next as many from the frame
    before, zeros where there is none.

    Args:
        x: Features of clips, of any layout.
        shift_div: One of how many channels.
        time: The dimension that counts frames.
        channels: The one that counts channels.
    """
    frames, fold = x.shape[time], x.shape[channels] // shift_div
    behind, before, same = x.split([fold, fold, x.shape[channels] - 2 * fold], dim=channels)
    none = torch.zeros_like(behind.narrow(time, 0, 1))
    behind = torch.cat([behind.narrow(time, 1, frames - 1), none], dim=time)
    before = torch.cat([none, before.narrow(time, 0, frames - 1)], dim=time)
    return torch.cat([behind, before, same], dim=channels)


class TemporalShift(nn.Module):
    """``shifted`` before a layer of an image network: N×C×H×W to the same.

    Args:
        inner: What comes after it.
        shift_div: One of how many channels.
    """

    frames = 1

    def __init__(self, inner: nn.Module, *, shift_div: int) -> None:
        super().__init__()
        self.inner = inner
        self.shift_div = shift_div

    def forward(self, images: Tensor) -> Tensor:
        clips = images.unflatten(0, (-1, self.frames))
        return self.inner(shifted(clips, self.shift_div, time=1, channels=2).flatten(0, 1))


class TemporalConv(nn.Module):
    """A 3×1×1 convolution of each channel, at first the identity: N×C×H×W to the same.

    Args:
        inner: What comes after it.
        channels: C.
    """

    frames = 1

    def __init__(self, inner: nn.Module, *, channels: int) -> None:
        super().__init__()
        self.inner = inner
        self.over_time = nn.Conv3d(
            channels, channels, (3, 1, 1), padding=(1, 0, 0), groups=channels, bias=False
        )
        nn.init.dirac_(self.over_time.weight, groups=channels)

    def forward(self, images: Tensor) -> Tensor:
        clips = images.unflatten(0, (-1, self.frames)).transpose(1, 2)
        return self.inner(self.over_time(clips).transpose(1, 2).flatten(0, 1))


def put_over_time(
    network: nn.Module, temporal: str | None, *, shift_div: int, name: str
) -> list[TemporalShift | TemporalConv]:
    """Puts the shift or the convolution into each block of a network.

    Args:
        network: Of images; changed in place.
        temporal: One of ``TEMPORAL``.
        shift_div: See ``TemporalShift``.
        name: Of the network, for the message.

    Returns:
        What was put in, each to be told how many ``frames`` a clip has.

    Raises:
        ConfigError: It has no block with a convolution.
    """
    if temporal is None:
        return []
    added: list[TemporalShift | TemporalConv] = []
    for block in list(network.modules()):
        first = next((n for n in _FIRST if isinstance(getattr(block, n, None), nn.Conv2d)), None)
        if first is None or not _is_block(block):
            continue
        conv: nn.Conv2d = getattr(block, first)
        put = (
            TemporalShift(conv, shift_div=shift_div)
            if temporal == "shift"
            else TemporalConv(conv, channels=conv.in_channels)
        )
        setattr(block, first, put)
        added.append(put)
    if not added:
        raise ConfigError(
            f"temporal={temporal!r}: {name} has no residual blocks of convolutions to put it in;"
            " temporal=None sees frame by frame"
        )
    return added


def _is_block(module: nn.Module) -> bool:
    """Whether a module with a first convolution is a block, and not the network with its stem."""
    parts = dict(module.named_children())
    return "blocks" not in parts and "layer1" not in parts and len(parts) > 2
