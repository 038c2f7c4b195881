# TPN on R101, 8 frames of step 8; its lower level keeps two steps in time. Published: 77.2 top-1,
# protocol and source as in kinetics400_r50f8s8.py.
# Run here: built, and a step on made data (tests/test_configs.py).
_base_ = "./kinetics400_r50f8s8.py"
model = dict(
    backbone=dict(depth=101, pretrained="torchvision://resnet101"), neck=dict(steps=(2, 1))
)
