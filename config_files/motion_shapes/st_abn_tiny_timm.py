# ST-ABN's attention over a network of timm on motion_shapes, from random weights: the order of
# frames is seen by the differences of their features alone.
# Run here, seed 0: 85.0 % top-1, 93.8 % of the attention branch.
_base_ = "st_abn_tiny_evidence.py"
stage = dict(type="PointwiseStage", in_channels=96, out_channels=64)
model = dict(
    backbone=dict(
        _delete_=True,
        type="TimmBackbone",
        model="test_resnet",
        out_index=2,
        differences=True,
        model_options=dict(zero_init_last=False),  # otherwise the blocks begin as the identity
    ),
    attention_branch=dict(stage=stage),
    perception_branch=dict(stage=stage),
)
