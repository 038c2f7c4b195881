# The same on R101. Published: 77.4 top-1, protocol and source as in kinetics400_r50f32s2.py.
# Run here: built, and a step on made data (tests/test_configs.py).
_base_ = "./kinetics400_r50f32s2_baseline.py"
model = dict(backbone=dict(depth=101, pretrained="torchvision://resnet101"))
