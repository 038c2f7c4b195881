"""Explainers, one method or kind a file; each answers with an ``Explanation``."""

from mmaction.explain.explainers.attention import Attention, ClassResponse, RefinedAttention
from mmaction.explain.explainers.attention_rollout import AttentionRollout
from mmaction.explain.explainers.base import Explainer
from mmaction.explain.explainers.build import build_explainer
from mmaction.explain.explainers.captum_methods import IntegratedGradients, Occlusion
from mmaction.explain.explainers.controls import BlurredRandom, Center, Random
from mmaction.explain.explainers.differences import CompensatedDifference, FrameDifference
from mmaction.explain.explainers.frame_shapley import FrameShapley
from mmaction.explain.explainers.grad_cam import (
    GradCAM,
    GradCAMPlusPlus,
    HiResCAM,
    LayerCAM,
)
from mmaction.explain.explainers.perturbation import Perturbation
from mmaction.explain.explainers.rise import RISE
from mmaction.explain.explainers.saliency_tube import SaliencyTube
from mmaction.explain.explainers.score_cam import ScoreCAM

__all__ = [
    "RISE",
    "Attention",
    "AttentionRollout",
    "BlurredRandom",
    "Center",
    "ClassResponse",
    "CompensatedDifference",
    "Explainer",
    "FrameDifference",
    "FrameShapley",
    "GradCAM",
    "GradCAMPlusPlus",
    "HiResCAM",
    "IntegratedGradients",
    "LayerCAM",
    "Occlusion",
    "Perturbation",
    "Random",
    "RefinedAttention",
    "SaliencyTube",
    "ScoreCAM",
    "build_explainer",
]
