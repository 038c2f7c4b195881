"""What explainers that change the clip share: the output they explain, signs, and captum."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mmaction.errors import UserError
from mmaction.explain.explainers.base import scores

if TYPE_CHECKING:
    from mmaction.models.recognizers.base import BaseRecognizer

OUTPUTS = ("score", "probability")
SIGNS = ("positive", "absolute")


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


def outputs(model: BaseRecognizer, clips: Tensor, output: str) -> Tensor:
    """B×K: the logits for ``'score'``, their softmax for ``'probability'``."""
    logits = scores(model, clips)
    return torch.softmax(logits, dim=1) if output == "probability" else logits


def unsigned(attributions: Tensor, sign: str) -> Tensor:
    """Attributions of any sign to relevance ≥ 0.

    ``'positive'`` keeps what speaks for the class, max(a, 0); ``'absolute'`` takes |a|, what speaks
    against it as well.
    """
    return attributions.abs() if sign == "absolute" else attributions.clamp_min(0)
