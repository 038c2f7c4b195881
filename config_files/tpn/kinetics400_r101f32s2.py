# TPN on R101, 32 frames of step 2; its lower level keeps two steps in time. Published: 78.9 top-1,
# protocol and source as in kinetics400_r50f32s2.py.
# Run here: built, and a step on made data (tests/test_configs.py).
_base_ = "./kinetics400_r50f32s2.py"
model = dict(
    backbone=dict(depth=101, pretrained="torchvision://resnet101"), neck=dict(steps=(2, 1))
)
