# ST-ABN on real human actions, small enough for two CPU cores.
_base_ = [
    "../_base_/models/st_abn_tiny.py",
    "../_base_/datasets/weizmann4.py",
    "../_base_/schedules/one_cycle_200e.py",
    "../_base_/runtime.py",
]
model = dict(num_classes=4)
evaluation = dict(interval=50)
default_hooks = dict(checkpoint=dict(interval=_base_.max_epochs))
