"""Explainers, one method or kind a file; each answers with an ``Explanation``."""

from mmaction.explain.explainers.attention import Attention, ClassResponse
from mmaction.explain.explainers.base import Explainer
from mmaction.explain.explainers.build import build_explainer
from mmaction.explain.explainers.controls import BlurredRandom, Center, Random
from mmaction.explain.explainers.grad_cam import GradCAM
from mmaction.explain.explainers.integrated_gradients import IntegratedGradients
from mmaction.explain.explainers.occlusion import Occlusion
from mmaction.explain.explainers.rise import RISE
from mmaction.explain.explainers.saliency_tube import SaliencyTube

__all__ = [
    "RISE",
    "Attention",
    "BlurredRandom",
    "Center",
    "ClassResponse",
    "Explainer",
    "GradCAM",
    "IntegratedGradients",
    "Occlusion",
    "Random",
    "SaliencyTube",
    "build_explainer",
]
