"""torchvision's operators on clips: RandAugment, random erasing and their kin, for training."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mmaction.datasets.transforms.pipeline import Results, Transform
from mmaction.environment import torchvision_transforms
from mmaction.errors import ConfigError, near
from mmaction.registry import TRANSFORMS

# A turned or mirrored picture shows another class where classes are told apart by direction.
_TURNING = (
    "RandomHorizontalFlip",
    "RandomVerticalFlip",
    "RandomRotation",
    "RandomAffine",
    "AutoAugment",
    "AugMix",
)


@TRANSFORMS.register_module()
class TorchvisionTransform(Transform):
    """An operator of ``torchvision.transforms.v2``, drawn once for all frames of a sample.

    ``PackClips`` applies it to the finished clips, uint8, T×3×H×W: in order, after all that is
    composed into one pass. ``name="RandAugment", num_ops=2, magnitude=9`` (arXiv:1909.13719), say,
    or ``name="RandomErasing", p=0.25, value=[124, 116, 104], inplace=True`` (arXiv:1708.04896),
    whose value is on 0 to 255: this one is ImageNet's mean, nothing once it is normalised.

    Args:
        name: Of the operator, such as ``RandAugment``, ``TrivialAugmentWide``, ``RandomErasing``.
        directed: Whether labels depend on direction, so that policies leave their rotations out,
            and operators that flip or turn are refused: ``Flip`` swaps labels. None: where ``Flip``
            in the same pipeline has a ``label_map``, or two of the data set's classes differ in
            left and right alone.
        **options: The operator's own.

    Raises:
        ConfigError: torchvision is missing, or has no such operator or option.
    """

    needs = ("views",)

    def __init__(self, *, name: str, directed: bool | None = None, **options: Any) -> None:
        v2 = torchvision_transforms(of=f"TorchvisionTransform name='{name}'")
        kinds = {
            each: kind
            for each, kind in vars(v2).items()
            if isinstance(kind, type) and issubclass(kind, v2.Transform)
        }
        if name not in kinds:
            raise ConfigError(
                f"TorchvisionTransform: torchvision.transforms.v2 has no '{name}'"
                f"{near(name, kinds)}"
            )
        try:
            self.operator = kinds[name](**options)
        except (TypeError, ValueError) as e:
            raise ConfigError(f"TorchvisionTransform name='{name}': {e}") from e
        self.name, self.directed = name, directed
        self.use_directions(directed=False)

    def use_directions(self, *, directed: bool) -> None:
        """Leaves rotations out where labels depend on direction.

        Args:
            directed: Whether they do, where the config doesn't say.

        Raises:
            ConfigError: They do, and the operator flips or turns.
        """
        if not (directed if self.directed is None else self.directed):
            return
        if self.name in _TURNING:
            raise ConfigError(
                f"TorchvisionTransform name='{self.name}': labels depend on direction here; leave"
                " it out, mirror with Flip(label_map=…), or set directed=False"
            )
        if policy := getattr(self.operator, "_AUGMENTATION_SPACE", None):
            kept = {operation: how for operation, how in policy.items() if operation != "Rotate"}
            self.operator._AUGMENTATION_SPACE = kept

    def __call__(self, results: Results) -> Results:
        seed = int(results["rng"].integers(2**63))
        results["operators"] = [*results.get("operators", ()), (self, seed)]
        return results

    def apply(self, clip: Tensor, seed: int) -> None:
        """Changes a clip in place.

        Args:
            clip: uint8, T×H×W×3.
            seed: Of all that is drawn.

        Raises:
            ConfigError: The result is no clip of that size.
        """
        from torchvision.tv_tensors import Video

        video = Video(clip.permute(0, 3, 1, 2))
        # torchvision draws from torch's global generator.
        with torch.random.fork_rng(devices=[]):
            torch.random.manual_seed(seed)
            changed = self.operator(video)
        if changed.shape != video.shape or changed.dtype != video.dtype:
            raise ConfigError(
                f"TorchvisionTransform name='{self.name}' makes {changed.dtype}"
                f" {tuple(changed.shape)} of {video.dtype} {tuple(video.shape)}: sizes and types"
                " are changed by this package's own transforms"
            )
        clip.copy_(changed.permute(0, 2, 3, 1))
