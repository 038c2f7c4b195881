"""From annotation lists and frames on disk to batches of uint8 clips."""

from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.clip_dataset import ClipDataset
from mmaction.datasets.collate import collate_clips
from mmaction.datasets.color import ColorJitter
from mmaction.datasets.crops import (
    CenterCrop,
    MultiScaleCrop,
    RandomCrop,
    RandomResizedCrop,
    TenCrop,
    ThreeCrop,
)
from mmaction.datasets.decoding import DecodeFrames
from mmaction.datasets.frame_directory import FrameDirectory
from mmaction.datasets.frame_source import FrameSource
from mmaction.datasets.geometry import View
from mmaction.datasets.label_maps import LABEL_MAPS
from mmaction.datasets.pipeline import Pipeline, Transform
from mmaction.datasets.rawframe_dataset import RawframeDataset
from mmaction.datasets.samplers import EpochSampler, SampleKey
from mmaction.datasets.sampling import SampleFrames, SampleSegments
from mmaction.datasets.transforms import Flip, PackClips, Resize
from mmaction.datasets.validation import check_labels, check_overlap, check_present
from mmaction.datasets.video_dataset import VideoDataset

__all__ = [
    "LABEL_MAPS",
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
