# TSM as TPN's baseline on Something-Something V2. Published: 62.3 top-1, 2 clips × 3 crops of 256²,
# https://github.com/decisionforce/TPN/blob/master/MODELZOO.md
# The shortcut's convolutions see the shift too, as TPN's do; the schedule is TPN's.
# Run here: built, and a step on made data (tests/test_configs.py).
_base_ = [
    "../_base_/models/tsm_r50.py",
    "../_base_/datasets/sthv2_6_views.py",
    "../_base_/schedules/sgd_150e.py",
    "../_base_/runtime.py",
]
model = dict(num_classes=174, backbone=dict(shift_shortcut=True))
