"""What every explainer answers: where and when, for a batch of clips.

Dimension letters: B clips, T frames of a clip, h×w cells of a map.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mmaction.errors import UserError


@dataclass(frozen=True, eq=False)
class Explanation:
    """Where and when a recognizer looked in each clip of a batch, by one method.

    Attributes:
        spatial: float, B×T×h×w: the relevance of each cell of each frame. Its range and whether it
            can be negative are the method's; its scale says nothing across methods.
        temporal: float, B×T: the relevance of each frame. ST-ABN's own and that of methods that
            keep a scale of their own compare within a clip only.
        method: The explainer's name, such as ``grad_cam``.
        target: int64, B: the class each clip's maps were asked about.

    Raises:
        ValueError: Shapes or types that don't belong together.
        UserError: A value that is no finite number, as a diverged model makes them.
    """

    spatial: Tensor
    temporal: Tensor
    method: str
    target: Tensor

    def __post_init__(self) -> None:
        shape, maps = self.spatial.shape, (self.spatial, self.temporal)
        fits = (
            len(shape) == 4
            and self.spatial.numel() > 0
            and self.temporal.shape == shape[:2]
            and self.target.shape == shape[:1]
            and all(values.is_floating_point() for values in maps)
            and self.target.dtype == torch.int64
        )
        if not fits:
            given = [f"{v.dtype} {tuple(v.shape)}" for v in (*maps, self.target)]
            raise ValueError(
                f"{self.method}: spatial, temporal and target are {', '.join(given)}: expected "
                "float B×T×h×w, float B×T and int64 B"
            )
        for name, values in (("spatial", self.spatial), ("temporal", self.temporal)):
            if not values.isfinite().all():
                raise UserError(
                    f"{self.method}: the {name} map holds NaN or infinity; "
                    "the checkpoint's training may have diverged"
                )
