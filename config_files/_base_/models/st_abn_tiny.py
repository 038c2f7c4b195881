# ST-ABN small enough to learn on two CPU cores in minutes: 64² in, maps of 8×8.
model = dict(
    type="STABN",
    clip_len=12,
    backbone=dict(
        type="ResNet3D",
        depth=10,
        num_stages=3,
        base_channels=8,
        stem_kernel=(3, 5, 5),
        spatial_strides=(1, 2, 1, 2),
        inflate=(1, 1, 1, 0),
    ),
    attention_branch=dict(dropout_ratio=0.0),
    perception_branch=dict(dropout_ratio=0.0),
)
