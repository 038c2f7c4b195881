# TPN on R50, 16 frames of step 4. Published: 77.3 top-1, 10 clips × 3 crops, mirrored too,
# https://github.com/decisionforce/TPN/blob/master/MODELZOO.md
# Run here: built, and a step on made data (tests/test_configs.py).
_base_ = [
    "../_base_/models/tpn_r50.py",
    "../_base_/datasets/kinetics400_16x4.py",
    "../_base_/schedules/sgd_tpn.py",
    "../_base_/runtime.py",
]
model = dict(num_classes=400, clip_len=16, max_views=6)
