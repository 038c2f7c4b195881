# The plain network that the tiny ST-ABN is built on, as a baseline.
model = dict(
    type="Recognizer3D",
    clip_len=12,
    backbone=dict(
        type="ResNet3D",
        depth=10,
        base_channels=8,
        stem_kernel=(3, 5, 5),
        spatial_strides=(1, 2, 1, 2),
        inflate=(1, 1, 1, 0),
    ),
    head=dict(dropout_ratio=0.0),
)
