# The plain 3D ResNet-50 that ST-ABN R50 is built on, as a baseline.
model = dict(
    type="Recognizer3D",
    clip_len=32,
    backbone=dict(
        type="ResNet3D",
        depth=50,
        inflate=(0, 0, 1, 1),
        inflate_style="3x1x1",
        pretrained="torchvision://resnet50",
        with_cp="selective",  # 8 clips of 32 frames in 13 GiB instead of 26
    ),
    head=dict(dropout_ratio=0.5),
)
