# TSM on Something-Something V2, 8 segments. Published: 62.72 top-1, 2 clips × 3 crops of 256²,
# https://github.com/open-mmlab/mmaction2/tree/main/configs/recognition/tsm
# Run here: built, and a step on made data (tests/test_configs.py).
_base_ = [
    "../_base_/models/tsm_r50.py",
    "../_base_/datasets/sthv2_6_views.py",
    "../_base_/schedules/sgd_tsm_50e.py",
    "../_base_/runtime.py",
]
model = dict(num_classes=174)
