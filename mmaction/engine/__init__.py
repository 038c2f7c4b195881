"""What this project adds to mmengine's Runner."""

from mmaction.engine.checkpoints import PlainCheckpointHook
from mmaction.engine.distributed import join_processes
from mmaction.engine.environment import tolerate_broken_torchvision
from mmaction.engine.explanation_hook import ExplanationHook
from mmaction.engine.runner import ActionRunner

__all__ = [
    "ActionRunner",
    "ExplanationHook",
    "PlainCheckpointHook",
    "join_processes",
    "tolerate_broken_torchvision",
]
