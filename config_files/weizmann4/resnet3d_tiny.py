# The plain baseline on real human actions.
_base_ = [
    "../_base_/models/resnet3d_tiny.py",
    "../_base_/datasets/weizmann4.py",
    "../_base_/schedules/one_cycle_200e.py",
    "../_base_/runtime.py",
]
model = dict(num_classes=4)
evaluation = dict(interval=50)
default_hooks = dict(checkpoint=dict(interval=_base_.max_epochs))
