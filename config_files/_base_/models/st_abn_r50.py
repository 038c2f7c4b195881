# ST-ABN R50, arXiv:2110.15574. A config says num_classes; T, the frames of a clip, is said here.
model = dict(
    type="STABN",
    clip_len=32,
    backbone=dict(
        type="ResNet3D",
        depth=50,
        num_stages=3,
        inflate=(0, 0, 1, 1),
        inflate_style="3x1x1",
        pretrained="torchvision://resnet50",
        with_cp="selective",  # 8 clips of 32 frames in 13 GiB instead of 26
    ),
    attention_branch=dict(dropout_ratio=0.5),
    attention_mechanism=dict(final_relu=True),
    perception_branch=dict(dropout_ratio=0.5),
    loss_weights=dict(perception=1.0, attention=1.0),
)
