# The same on R101. Published: 76.0 top-1, protocol and source as in kinetics400_r50f8s8.py.
# Run here: built, and a step on made data (tests/test_configs.py).
_base_ = "./kinetics400_r50f8s8_baseline.py"
model = dict(backbone=dict(depth=101, pretrained="torchvision://resnet101"))
