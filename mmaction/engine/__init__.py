"""What this project adds to mmengine's Runner."""

from mmaction.checkpoint.mmengine_files import read_weights_only
from mmaction.engine.distributed import join_processes
from mmaction.engine.hooks.attention_sheet import AttentionSheetHook
from mmaction.engine.hooks.bad_videos import BadVideoHook
from mmaction.engine.hooks.checkpoint import TrainingCheckpointHook
from mmaction.engine.hooks.data_wait import DataWaitHook
from mmaction.engine.hooks.ema import ShardedEMAHook
from mmaction.engine.hooks.explanation import ExplanationHook
from mmaction.engine.hooks.training_info import TrainingInfoHook
from mmaction.engine.hooks.unfreezing import GradualUnfreezing
from mmaction.engine.loops.resumable import ResumableIterTrainLoop, ResumableTrainLoop
from mmaction.engine.loops.scoring import RecognizerTestLoop, RecognizerValLoop
from mmaction.engine.optimizers import (
    Bf16OptimWrapper,
    TrainingAmpOptimWrapper,
    TrainingOptimWrapper,
)
from mmaction.engine.parameter_groups import ParameterGroupConstructor
from mmaction.engine.runner import ActionRunner
from mmaction.engine.sharding import FullyShardedModel
from mmaction.engine.signals import TrainingStopped

read_weights_only()

__all__ = [
    "ActionRunner",
    "AttentionSheetHook",
    "BadVideoHook",
    "Bf16OptimWrapper",
    "DataWaitHook",
    "ExplanationHook",
    "FullyShardedModel",
    "GradualUnfreezing",
    "ParameterGroupConstructor",
    "RecognizerTestLoop",
    "RecognizerValLoop",
    "ResumableIterTrainLoop",
    "ResumableTrainLoop",
    "ShardedEMAHook",
    "TrainingAmpOptimWrapper",
    "TrainingCheckpointHook",
    "TrainingInfoHook",
    "TrainingOptimWrapper",
    "TrainingStopped",
    "join_processes",
]
