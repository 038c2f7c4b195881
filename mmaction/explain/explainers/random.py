"""Control: uniform noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from mmaction.explain.explainers.base import Explainer, MapsOverTime
from mmaction.explain.explainers.maps import frame_means
from mmaction.explain.explainers.noise import CONTROL_GRID, clip_noise
from mmaction.explain.explainers.options import check_seed, check_sizes
from mmaction.registry import EXPLAINERS

if TYPE_CHECKING:
    from mmaction.models.recognizers.base import BaseRecognizer


@EXPLAINERS.register_module(name="random")
class Random(Explainer):
    """Uniform noise that knows nothing of the model: what any explanation has to beat.

    The noise is started by the clip's pixels and ``seed``: the same clip gets the same map again,
    alone or in any batch. The target is recorded only.

    Spatial: in [0, 1), h×w as ``grid`` says. Temporal: its frame means.

    Args:
        grid: (h, w), cells of the map.
        seed: For other noise.
    """

    name: ClassVar[str] = "random"

    def __init__(self, *, grid: Sequence[int] = CONTROL_GRID, seed: int = 0) -> None:
        self.grid = check_sizes(self.name, "grid", grid, "hw")
        self.seed = check_seed(self.name, seed)

    def _explain(self, model: BaseRecognizer, clips: Tensor, target: Tensor) -> MapsOverTime:
        spatial = clip_noise(clips, self.grid, seed=self.seed)
        return spatial, frame_means(spatial)
