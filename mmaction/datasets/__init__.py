"""From annotation lists and frames on disk to batches of uint8 clips."""

from mmaction.datasets.annotations import AnnotationList
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
from mmaction.datasets.geometry import View
from mmaction.datasets.label_maps import LABEL_MAPS
from mmaction.datasets.pipeline import Pipeline, Transform
from mmaction.datasets.rawframe_dataset import RawframeDataset
from mmaction.datasets.samplers import EpochSampler, SampleKey
from mmaction.datasets.sampling import SampleFrames, SampleSegments
from mmaction.datasets.transforms import Flip, PackClips, Resize
from mmaction.datasets.validation import check_directories, check_labels, check_overlap

__all__ = [
    "LABEL_MAPS",
    "AnnotationList",
    "CenterCrop",
    "ColorJitter",
    "DecodeFrames",
    "EpochSampler",
    "Flip",
    "FrameDirectory",
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
    "View",
    "check_directories",
    "check_labels",
    "check_overlap",
    "collate_clips",
]
