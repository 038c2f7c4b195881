# TSN on motion_shapes: the baseline without anything that sees the order of frames, but wider and
# deeper, as TSM needs it.
_base_ = "resnet3d_tiny.py"
model = dict(
    type="Recognizer2D",
    backbone=dict(depth=18, base_channels=16, stem_kernel=(1, 5, 5), inflate=(0, 0, 0, 0)),
)
