"""From annotation lists and frames on disk to batches of uint8 clips."""

from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.clip_dataset import ClipDataset
from mmaction.datasets.collate import collate_clips
from mmaction.datasets.rawframe_dataset import RawframeDataset
from mmaction.datasets.samplers import EpochSampler, SampleKey
from mmaction.datasets.sources.base import FrameSource
from mmaction.datasets.sources.directory import FrameDirectory
from mmaction.datasets.transforms.color import ColorJitter
from mmaction.datasets.transforms.crops import (
    CenterCrop,
    MultiScaleCrop,
    RandomCrop,
    RandomResizedCrop,
    TenCrop,
    ThreeCrop,
)
from mmaction.datasets.transforms.decoding import DecodeFrames
from mmaction.datasets.transforms.geometry import View
from mmaction.datasets.transforms.pipeline import Pipeline, Transform
from mmaction.datasets.transforms.resizing import Flip, PackClips, Resize
from mmaction.datasets.transforms.sampling import SampleFrames, SampleSegments
from mmaction.datasets.validation import check_labels, check_overlap, check_present
from mmaction.datasets.video_dataset import VideoDataset

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
    "check_labels",
    "check_overlap",
    "check_present",
    "collate_clips",
]
