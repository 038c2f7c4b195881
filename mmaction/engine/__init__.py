"""What this project adds to mmengine's Runner."""

from mmaction.engine.attention_sheet_hook import AttentionSheetHook
from mmaction.engine.bad_video_hook import BadVideoHook
from mmaction.engine.checkpoints import PlainCheckpointHook
from mmaction.engine.data_wait_hook import DataWaitHook
from mmaction.engine.distributed import join_processes
from mmaction.engine.environment import tolerate_broken_torchvision
from mmaction.engine.explanation_hook import ExplanationHook
from mmaction.engine.loader_errors import readable_loader_errors
from mmaction.engine.runner import ActionRunner

__all__ = [
    "ActionRunner",
    "AttentionSheetHook",
    "BadVideoHook",
    "DataWaitHook",
    "ExplanationHook",
    "PlainCheckpointHook",
    "join_processes",
    "readable_loader_errors",
    "tolerate_broken_torchvision",
]
