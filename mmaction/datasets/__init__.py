"""From annotation lists and frames on disk to batches of uint8 clips."""

from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.batches import EpochSampler, SampleKey, collate_clips
from mmaction.datasets.clip_dataset import ClipDataset, RawframeDataset, VideoDataset
from mmaction.datasets.features import FeatureDataset
from mmaction.datasets.splits import (
    check_columns,
    check_labelled,
    check_labels,
    check_overlap,
    check_present,
)

# Imported to be registered.
from mmaction.datasets.transforms import (
    color,
    crops,
    geometry,
    mixing,
    operators,
    pixels,
    sampling,
    stabilize,
)

__all__ = [
    "AnnotationList",
    "ClipDataset",
    "EpochSampler",
    "FeatureDataset",
    "RawframeDataset",
    "SampleKey",
    "VideoDataset",
    "check_columns",
    "check_labelled",
    "check_labels",
    "check_overlap",
    "check_present",
    "collate_clips",
    "color",
    "crops",
    "geometry",
    "mixing",
    "operators",
    "pixels",
    "sampling",
    "stabilize",
]
