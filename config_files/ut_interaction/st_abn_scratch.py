# From random weights, for comparison: too few videos to learn what pixels mean.
_base_ = [
    "../_base_/models/st_abn_tiny.py",
    "../_base_/datasets/ut_interaction.py",
    "../_base_/schedules/one_cycle_200e.py",
    "../_base_/runtime.py",
]
model = dict(num_classes=6)
evaluation = dict(interval=_base_.max_epochs)
default_hooks = dict(checkpoint=dict(interval=_base_.max_epochs))
