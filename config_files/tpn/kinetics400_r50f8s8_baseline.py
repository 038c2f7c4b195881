# TPN's baseline, without its neck: 8 frames of step 8. Published: 74.9 top-1, protocol and source
# as in kinetics400_r50f8s8.py.
# Run here: built, and a step on made data (tests/test_configs.py).
_base_ = [
    "../_base_/models/slowonly_r50.py",
    "../_base_/datasets/kinetics400_8x8.py",
    "../_base_/schedules/sgd_tpn.py",
    "../_base_/runtime.py",
]
model = dict(num_classes=400, max_views=6)
