# SlowOnly on R101. Published: 76.59 top-1, trained from random weights for 196 epochs, protocol and
# source as in kinetics400_r50_8x8.py; here from ImageNet's weights, by R50's schedule.
# Run here: built, and a step on made data (tests/test_configs.py).
_base_ = "./kinetics400_r50_8x8.py"
model = dict(backbone=dict(depth=101, pretrained="torchvision://resnet101"))
