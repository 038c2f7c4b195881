# TPN's baseline, without its neck: 32 frames of step 2. Published: 75.7 top-1, protocol and source
# as in kinetics400_r50f32s2.py.
# Run here: built, and a step on made data (tests/test_configs.py).
_base_ = [
    "../_base_/models/slowonly_r50.py",
    "../_base_/datasets/kinetics400_32x2.py",
    "../_base_/schedules/sgd_tpn.py",
    "../_base_/runtime.py",
]
model = dict(num_classes=400, clip_len=32, max_views=6)
