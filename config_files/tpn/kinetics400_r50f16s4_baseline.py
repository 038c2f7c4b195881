# TPN's baseline, without its neck: 16 frames of step 4. Published: 76.1 top-1, protocol and source
# as in kinetics400_r50f16s4.py.
# Run here: built, and a step on made data (tests/test_configs.py).
_base_ = [
    "../_base_/models/slowonly_r50.py",
    "../_base_/datasets/kinetics400_16x4.py",
    "../_base_/schedules/sgd_tpn.py",
    "../_base_/runtime.py",
]
model = dict(num_classes=400, clip_len=16, max_views=6)
