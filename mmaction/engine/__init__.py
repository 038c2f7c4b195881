"""What this project adds to mmengine's Runner."""

from mmaction.engine.attention_sheet_hook import AttentionSheetHook
from mmaction.engine.bad_video_hook import BadVideoHook
from mmaction.engine.checkpoint_hook import TrainingCheckpointHook
from mmaction.engine.checkpoints import PlainCheckpointHook
from mmaction.engine.data_wait_hook import DataWaitHook
from mmaction.engine.distributed import join_processes
from mmaction.engine.ema_hook import ShardedEMAHook
from mmaction.engine.environment import tolerate_broken_torchvision
from mmaction.engine.explanation_hook import ExplanationHook
from mmaction.engine.iter_train_loop import ResumableIterTrainLoop
from mmaction.engine.loader_errors import readable_loader_errors
from mmaction.engine.mixed_precision import Bf16OptimWrapper
from mmaction.engine.optim_wrappers import TrainingAmpOptimWrapper, TrainingOptimWrapper
from mmaction.engine.progress_sign_hook import ProgressSignHook
from mmaction.engine.runner import ActionRunner
from mmaction.engine.score_loops import RecognizerTestLoop, RecognizerValLoop
from mmaction.engine.sharding import FullyShardedModel
from mmaction.engine.stop_signals import TrainingStopped
from mmaction.engine.train_loop import ResumableTrainLoop
from mmaction.engine.training_info_hook import TrainingInfoHook

__all__ = [
    "ActionRunner",
    "AttentionSheetHook",
    "BadVideoHook",
    "Bf16OptimWrapper",
    "DataWaitHook",
    "ExplanationHook",
    "FullyShardedModel",
    "PlainCheckpointHook",
    "ProgressSignHook",
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
    "readable_loader_errors",
    "tolerate_broken_torchvision",
]
