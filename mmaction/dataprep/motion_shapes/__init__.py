"""motion_shapes: a small data set made on the spot, whose classes are told apart by motion alone.

Twelve classes in six pairs, each pair's films being each other played backwards. ``make_video``
makes one video, ``make_data_set`` writes a training and a validation set to disk.
"""

from mmaction.dataprep.motion_shapes.camera import CAMERAS
from mmaction.dataprep.motion_shapes.classes import CLASSES, MIN_FRAMES
from mmaction.dataprep.motion_shapes.data_set import DataSetOptions, make_data_set
from mmaction.dataprep.motion_shapes.video import MIN_SIZE, Video, make_video

__all__ = [
    "CAMERAS",
    "CLASSES",
    "MIN_FRAMES",
    "MIN_SIZE",
    "DataSetOptions",
    "Video",
    "make_data_set",
    "make_video",
]
