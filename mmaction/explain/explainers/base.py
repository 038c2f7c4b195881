"""What every explainer shares: the class it is asked about, and leaving a model as it was.

Dimension letters: B clips, T frames, H×W pixels, h×w cells of a map, K classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from mmaction.errors import ConfigError
from mmaction.explain.explainers.maps import frame_means, per_frame
from mmaction.explain.explanation import Explanation
from mmaction.models.recognizers.base import BaseRecognizer


class Explainer(ABC):
    """Says where and when a recognizer looked; a subclass is one method, its options keyword-only.

    An explainer keeps nothing from one call to the next, and nothing of a call stays behind: every
    submodule's train/eval mode, gradients, ``requires_grad``, hooks and the global random state are
    afterwards what they were, also when the call fails.

    Attributes:
        name: As it is registered, such as ``grad_cam``.
        uses_gradients: Whether ``_explain`` runs with autograd on.
    """

    name: ClassVar[str]
    uses_gradients: ClassVar[bool] = False

    def explain(
        self, model: BaseRecognizer, clips: Tensor, target: int | Tensor | None = None
    ) -> Explanation:
        """Explains what a recognizer sees in a batch of clips.

        Args:
            model: A recognizer; run in eval mode.
            clips: Normalised float clips, B×3×T×H×W, on the model's device.
            target: The class to explain, in ``[0, K)``: one for all clips, or int64, B; None takes
                each clip's predicted class, the one of the highest perception score.

        Returns:
            The maps as float32 on the clips' device, cut off from any graph.

        Raises:
            ConfigError: A target that is none of the model's classes; a model or clip that the
                method can't explain.
            UserError: A map that is not finite.
            ValueError: Clips or a target of another shape or type.
        """
        _check_clips(clips)
        with _undisturbed(model, clips.device):
            # An inference tensor can't take part in autograd.
            clips = clips.clone() if clips.is_inference() else clips.detach()
            with torch.no_grad():
                classes = _resolve_target(model, clips, target)
            with torch.set_grad_enabled(self.uses_gradients):
                found = self._explain(model, clips, classes)
                spatial, temporal = found if isinstance(found, tuple) else (found, None)
                spatial = per_frame(spatial, clips.shape[2])
                temporal = frame_means(spatial) if temporal is None else temporal
        return Explanation(
            spatial=spatial.detach().float(),
            temporal=temporal.detach().float(),
            method=self.name,
            target=classes,
        )

    __call__ = explain

    @abstractmethod
    def _explain(
        self, model: BaseRecognizer, clips: Tensor, target: Tensor
    ) -> Tensor | tuple[Tensor, Tensor]:
        """The maps, float, B×T'×h×w; and weights B×T, where the method has some of its own.

        Under a temporal stride each of the T' steps stands for its frames; without weights, each
        frame has its mean.

        Args:
            model: In eval mode.
            clips: Normalised float, B×3×T×H×W.
            target: int64, B, classes that there are.
        """


def target_scores(model: BaseRecognizer, clips: Tensor, target: Tensor) -> Tensor:
    """The logit of each clip's target, float, B.

    Args:
        model: The recognizer.
        clips: Normalised float, B×3×T×H×W.
        target: int64, B.
    """
    return model(clips).scores.gather(1, target[:, None]).squeeze(1)


@contextmanager
def _undisturbed(model: BaseRecognizer, device: torch.device) -> Iterator[None]:
    """Within it the model is in eval mode; after it everything is as before."""
    modes = [(module, module.training) for module in model.modules()]
    wanted = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    cuda = [device] if device.type == "cuda" else []
    with torch.inference_mode(False), torch.random.fork_rng(devices=cuda):
        model.eval()
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training
            for parameter, requires_grad in wanted:
                parameter.requires_grad_(requires_grad)


def _check_clips(clips: Tensor) -> None:
    if clips.ndim != 5 or clips.shape[1] != 3 or clips.numel() == 0:
        raise ValueError(f"clips are {tuple(clips.shape)}: expected B×3×T×H×W")
    if not clips.is_floating_point():
        raise ValueError(f"clips are {clips.dtype}: expected normalised float clips")


def _resolve_target(model: BaseRecognizer, clips: Tensor, target: int | Tensor | None) -> Tensor:
    """The class of each clip, int64, B, on the clips' device."""
    if target is None:
        return model(clips).scores.argmax(dim=1)
    if not isinstance(target, Tensor):
        if isinstance(target, bool) or not isinstance(target, int | np.integer):
            raise ConfigError(f"target={target!r}: expected a class number")
        target = torch.full((len(clips),), int(target), dtype=torch.int64)
    if target.dtype != torch.int64 or target.shape != clips.shape[:1]:
        raise ValueError(
            f"target is {target.dtype} {tuple(target.shape)}: expected int64, one class for each "
            f"of {len(clips)} clips"
        )
    outside = target[(target < 0) | (target >= model.num_classes)]
    if len(outside):
        raise ConfigError(
            f"target={int(outside[0])}: the model's classes are 0 to {model.num_classes - 1}"
        )
    return target.detach().to(clips.device, copy=True)
