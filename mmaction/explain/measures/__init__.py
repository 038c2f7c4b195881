"""Are explanations true? Measures of explainers, one idea a file."""

from mmaction.explain.measures.bootstrap import Interval, bootstrap_difference, bootstrap_mean
from mmaction.explain.measures.clip_truth import clip_ground_truth
from mmaction.explain.measures.concatenation import concatenated, concatenation, partners
from mmaction.explain.measures.confidence import drop_and_increase
from mmaction.explain.measures.evaluation import Evaluation
from mmaction.explain.measures.ground_truth import (
    ActionTubes,
    GroundTruth,
    GroundTruthReader,
    MaskFiles,
    open_ground_truth,
)
from mmaction.explain.measures.importance import has_own_temporal, joint_importance
from mmaction.explain.measures.intervention import intervention
from mmaction.explain.measures.localization import localization
from mmaction.explain.measures.names import DEFAULT_GROUPS, GROUPS, resolve_measures
from mmaction.explain.measures.options import EvaluationOptions
from mmaction.explain.measures.perturbation import Curves, Perturbation
from mmaction.explain.measures.plots import write_plots
from mmaction.explain.measures.sanity import cascade, spearman
from mmaction.explain.measures.subject import Subject
from mmaction.explain.measures.table import MeasureTable

__all__ = [
    "DEFAULT_GROUPS",
    "GROUPS",
    "ActionTubes",
    "Curves",
    "Evaluation",
    "EvaluationOptions",
    "GroundTruth",
    "GroundTruthReader",
    "Interval",
    "MaskFiles",
    "MeasureTable",
    "Perturbation",
    "Subject",
    "bootstrap_difference",
    "bootstrap_mean",
    "cascade",
    "clip_ground_truth",
    "concatenated",
    "concatenation",
    "drop_and_increase",
    "has_own_temporal",
    "intervention",
    "joint_importance",
    "localization",
    "open_ground_truth",
    "partners",
    "resolve_measures",
    "spearman",
    "write_plots",
]
