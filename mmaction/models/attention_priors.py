"""What is expected of an attention map before anything is learned, as a loss beside the classes'.

Nothing here needs an annotation, and nothing runs at test time.

Dimension letters: B clips, T frames, H×W pixels, h×w cells of an attention map.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# Against a division by zero, for clips in which nothing changes at all; in the clips' units.
LEAST_CHANGE = 1e-6


def frame_change(clips: Tensor, *, cells: tuple[int, int, int]) -> Tensor:
    """How much the picture changes in each cell around each frame, B×t×h×w, in the clips' units.

    d(t) is the mean over a cell's pixels and channels of |x_t − x_(t−1)|, and the result is
    D(t) = max(d(t), d(t+1)), which looks to either side.

    Args:
        clips: float, B×C×T×H×W; features serve as well.
        cells: (t, h, w); under a temporal stride T / t, rounded up, frames fall to one step, which
            takes the largest change among them.
    """
    steps, height, width = cells
    difference = (clips[:, :, 1:] - clips[:, :, :-1]).abs().mean(dim=1)
    difference = F.adaptive_avg_pool2d(difference, (height, width))
    before = F.pad(difference, (0, 0, 0, 0, 1, 0))
    after = F.pad(difference, (0, 0, 0, 0, 0, 1))
    return F.adaptive_max_pool3d(torch.maximum(before, after), (steps, height, width))


def local_change(clips: Tensor, *, cells: tuple[int, int, int]) -> Tensor:
    """``frame_change`` relative to the clip's, B×t×h×w in [0, 1).

    D / (D + mean of D over the clip): 0.5 where a cell changes as much as the clip does on average.
    Where the camera moves, cells change by their texture, whether somebody acts there or not.

    Args:
        clips, cells: As of ``frame_change``.
    """
    change = frame_change(clips, cells=cells)
    mean = change.mean(dim=(1, 2, 3), keepdim=True)
    return change / (change + mean + LEAST_CHANGE)


def still_share(spatial: Tensor, change: Tensor) -> Tensor:
    """Share of a clip's attention that lies where nothing changes, B, each in [0, 1].

    1 − Σ A·C / Σ A, sums over space and time: a weighted sparsity prior in which attention is free
    where the picture changes and costs most where it stands still. It looks at shares, so that a
    map can't get out of it by being low everywhere.

    It is made for a camera that stands still, and draws attention to whatever moves on the screen:
    under a moving camera to textures and edges, and to bodies that move but don't act. The accuracy
    bears that; where the attention points does not (docs/explanations.md).

    Args:
        spatial: A, B×t×h×w ≥ 0.
        change: C, of the same shape, in [0, 1]; see ``local_change``.
    """
    mass = spatial.sum(dim=(1, 2, 3)).clamp(min=LEAST_CHANGE)
    return 1 - (spatial * change).sum(dim=(1, 2, 3)) / mass
