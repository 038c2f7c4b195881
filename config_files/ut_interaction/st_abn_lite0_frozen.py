# The branches alone are trained, on a frozen ImageNet network: docs/backbones.md.
_base_ = [
    "../_base_/models/st_abn_lite0.py",
    "../_base_/datasets/ut_interaction.py",
    "../_base_/schedules/one_cycle_200e.py",
    "../_base_/runtime.py",
]
max_epochs = 64
model = dict(num_classes=6, backbone=dict(frozen=True))
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=_base_.learns_faster))
train_cfg = dict(max_epochs=max_epochs)
evaluation = dict(interval=max_epochs)
default_hooks = dict(checkpoint=dict(interval=max_epochs))
