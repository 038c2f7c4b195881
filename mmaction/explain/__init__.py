"""Where and when a recognizer looked: as records, pictures, films and a page."""

from mmaction.explain.explainers import Explainer, build_explainer
from mmaction.explain.explanation import Explanation
from mmaction.explain.gallery import write_gallery
from mmaction.explain.records import ClipExplanation
from mmaction.explain.sheet import render_sheet
from mmaction.explain.writer import ExplanationWriter, explain_views

__all__ = [
    "ClipExplanation",
    "Explainer",
    "Explanation",
    "ExplanationWriter",
    "build_explainer",
    "explain_views",
    "render_sheet",
    "write_gallery",
]
