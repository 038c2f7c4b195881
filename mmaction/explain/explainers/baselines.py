"""What explainers that change the clip share: what takes the place of its pixels, and captum.

Dimension letters: B clips, T frames, H×W pixels.
"""

from __future__ import annotations

from types import ModuleType

import torch
from torch import Tensor

from mmaction.errors import ConfigError, UserError
from mmaction.explain.explainers.maps import smooth
from mmaction.models.recognizers.base import BaseRecognizer

BASELINES = ("mean", "black", "blur")
# Standard deviation of the blur, as a share of the frame's shorter side: 11 pixels of 224.
BLUR_SIGMA = 0.05


def baseline_clips(baseline: str, model: BaseRecognizer, clips: Tensor) -> Tensor:
    """Clips without what is to be explained.

    A flat colour brings edges and flicker of its own into a clip, to which a network may answer;
    a blur does so least, and leaves the most to see.

    Args:
        baseline: ``'mean'``: zero after normalisation, which is the colour that the preprocessor
            subtracts. ``'black'``: RGB 0, after the model's own normalisation. ``'blur'``: each
            frame blurred by a Gaussian of ``BLUR_SIGMA`` of its shorter side; not over time.
        model: Whose preprocessor knows what black is.
        clips: Normalised float clips, B×3×T×H×W.

    Returns:
        float, the shape of ``clips``.

    Raises:
        ConfigError: ``'black'`` for a model without a ``ClipPreprocessor``.
    """
    if baseline == "mean":
        return torch.zeros_like(clips)
    if baseline == "blur":
        return smooth(clips, BLUR_SIGMA * min(clips.shape[3:]), dims=(3, 4))
    affine = getattr(getattr(model, "data_preprocessor", None), "affine", None)
    if affine is None:
        raise ConfigError(
            f"baseline='black': {type(model).__name__} has no preprocessor that tells what black "
            "is; take 'mean' or 'blur'"
        )
    # A map of colours to (0, 0, 0), followed by the normalisation: what is left is black.
    black = affine(torch.zeros(1, 3, 4, device=clips.device))[0, :, 3]
    return black.to(clips.dtype)[:, None, None, None].expand_as(clips)


def require_captum(explainer: str) -> ModuleType:
    """``captum.attr``.

    Raises:
        UserError: It is not installed.
    """
    try:
        import captum.attr
    except ImportError as error:
        raise UserError(
            f"explainer {explainer} needs captum ({error}): pip install st-abn[explain]"
        ) from error
    return captum.attr
