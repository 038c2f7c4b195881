"""Video files themselves."""

from __future__ import annotations

from mmaction.datasets.clip_dataset import ClipDataset
from mmaction.datasets.sources.base import FrameSource
from mmaction.datasets.sources.video import VideoFiles
from mmaction.registry import DATASETS


@DATASETS.register_module()
class VideoDataset(ClipDataset):
    """Clips of video files (mp4, webm, avi and whatever else FFmpeg reads).

    An annotation line names the file with its suffix: ``folder/video.mp4 frames label``. The
    pipeline is that of frames; see :class:`ClipDataset` for the arguments.
    """

    def open_source(self, data_root: str, example: str) -> FrameSource:
        return VideoFiles(data_root=data_root)
