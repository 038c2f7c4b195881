# TPN on motion_shapes, over the plain baseline.
# Run here, seed 0: 81.2 % top-1.
_base_ = "resnet3d_tiny.py"
model = dict(
    backbone=dict(out_stages=(3, 4)),
    neck=dict(type="TPN", steps=(12, 6), groups=8),
)
