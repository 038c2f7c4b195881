"""From annotation lists and frames on disk to batches of uint8 clips."""

from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.batches import EpochSampler, SampleKey, collate_clips
from mmaction.datasets.clip_dataset import ClipDataset, RawframeDataset, VideoDataset
from mmaction.datasets.sources.base import FrameSource
from mmaction.datasets.sources.directory import FrameDirectory
from mmaction.datasets.splits import (
    check_columns,
    check_labelled,
    check_labels,
    check_overlap,
    check_present,
)
from mmaction.datasets.transforms.color import ColorJitter
from mmaction.datasets.transforms.crops import (
    CenterCrop,
    MultiScaleCrop,
    RandomCrop,
    RandomResizedCrop,
    TenCrop,
    ThreeCrop,
)
from mmaction.datasets.transforms.geometry import Flip, Resize, View
from mmaction.datasets.transforms.pipeline import Pipeline, Transform
from mmaction.datasets.transforms.pixels import DecodeFrames, PackClips
from mmaction.datasets.transforms.sampling import SampleFrames, SampleSegments

__all__ = [
    "AnnotationList",
    "CenterCrop",
    "ClipDataset",
    "ColorJitter",
    "DecodeFrames",
    "EpochSampler",
    "Flip",
    "FrameDirectory",
    "FrameSource",
    "MultiScaleCrop",
    "PackClips",
    "Pipeline",
    "RandomCrop",
    "RandomResizedCrop",
    "RawframeDataset",
    "Resize",
    "SampleFrames",
    "SampleKey",
    "SampleSegments",
    "TenCrop",
    "ThreeCrop",
    "Transform",
    "VideoDataset",
    "View",
    "check_columns",
    "check_labelled",
    "check_labels",
    "check_overlap",
    "check_present",
    "collate_clips",
]
