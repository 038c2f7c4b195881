# The plain baseline on real human actions.
_base_ = [
    "../_base_/models/resnet3d_tiny.py",
    "../_base_/datasets/weizmann4.py",
    "../_base_/schedules/one_cycle.py",
    "../_base_/runtime.py",
]
model = dict(num_classes=4)
max_epochs = 200
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [dict(_base_.param_scheduler[0], total_steps=max_epochs, eta_max=3e-3)]
evaluation = dict(interval=50)
default_hooks = dict(checkpoint=dict(interval=max_epochs))
