# TPN on R50, 32 frames of step 2. Published: 77.7 top-1, 10 clips × 3 crops, mirrored too,
# https://github.com/decisionforce/TPN/blob/master/MODELZOO.md
# Run here: built, and a step on made data (tests/test_configs.py).
_base_ = [
    "../_base_/models/tpn_r50.py",
    "../_base_/datasets/kinetics400_32x2.py",
    "../_base_/schedules/sgd_tpn.py",
    "../_base_/runtime.py",
]
model = dict(num_classes=400, clip_len=32, max_views=6)
