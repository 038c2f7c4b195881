# TSN on ResNet-50, arXiv:1608.00859: frame by frame, blind to their order.
model = dict(
    type="Recognizer2D",
    clip_len=8,
    backbone=dict(
        type="ResNet3D",
        depth=50,
        inflate=(0, 0, 0, 0),
        pretrained="torchvision://resnet50",
    ),
    head=dict(dropout_ratio=0.5),
)
