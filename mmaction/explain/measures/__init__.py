"""Are explanations true? Measures of explainers, one idea a file."""

from mmaction.explain.measures.areas import Joint, Spatial, Temporal
from mmaction.explain.measures.concatenation import Concatenation
from mmaction.explain.measures.confidence import Confidence
from mmaction.explain.measures.evaluation import evaluate, resolve_measures
from mmaction.explain.measures.group import ClipBatch, EvaluationOptions, MeasureGroup
from mmaction.explain.measures.intervention import Intervention
from mmaction.explain.measures.localization import Localization
from mmaction.explain.measures.plots import write_plots
from mmaction.explain.measures.sanity import Sanity
from mmaction.explain.measures.subject import Subject
from mmaction.explain.measures.table import MeasureTable
from mmaction.explain.measures.truth_files import open_ground_truth

__all__ = [
    "ClipBatch",
    "Concatenation",
    "Confidence",
    "EvaluationOptions",
    "Intervention",
    "Joint",
    "Localization",
    "MeasureGroup",
    "MeasureTable",
    "Sanity",
    "Spatial",
    "Subject",
    "Temporal",
    "evaluate",
    "open_ground_truth",
    "resolve_measures",
    "write_plots",
]
