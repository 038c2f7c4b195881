"""Where and when a recognizer looked: as records, pictures, films and a page."""

from mmaction.explain.clip_video import write_clip
from mmaction.explain.colormap import COLORMAPS, overlay, resize_maps, scale_clip
from mmaction.explain.explainers import Explainer, build_explainer
from mmaction.explain.explanation import Explanation
from mmaction.explain.gallery import Entry, write_gallery
from mmaction.explain.records import ClipExplanation
from mmaction.explain.sheet import render_sheet, write_sheet
from mmaction.explain.writer import ExplanationWriter, explain_views, explained_views

__all__ = [
    "COLORMAPS",
    "ClipExplanation",
    "Entry",
    "Explainer",
    "Explanation",
    "ExplanationWriter",
    "build_explainer",
    "explain_views",
    "explained_views",
    "overlay",
    "render_sheet",
    "resize_maps",
    "scale_clip",
    "write_clip",
    "write_gallery",
    "write_sheet",
]
