# ST-ABN small enough to learn motion_shapes on two CPU cores in minutes.
_base_ = [
    "../_base_/datasets/motion_shapes.py",
    "../_base_/schedules/one_cycle.py",
    "../_base_/runtime.py",
]
model = dict(
    type="STABN",
    num_classes=12,
    clip_len=16,
    backbone=dict(
        type="ResNet3D",
        depth=18,
        num_stages=3,
        base_channels=8,
        spatial_strides=(1, 2, 1, 2),
        inflate=(1, 1, 1, 1),
    ),
    attention_branch=dict(dropout_ratio=0.2, blocks=1),
    perception_branch=dict(dropout_ratio=0.2, blocks=1),
)
