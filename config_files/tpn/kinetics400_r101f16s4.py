# TPN on R101, 16 frames of step 4; its lower level keeps two steps in time. Published: 78.1 top-1,
# protocol and source as in kinetics400_r50f16s4.py.
# Run here: built, and a step on made data (tests/test_configs.py).
_base_ = "./kinetics400_r50f16s4.py"
model = dict(
    backbone=dict(depth=101, pretrained="torchvision://resnet101"), neck=dict(steps=(2, 1))
)
