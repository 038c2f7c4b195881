# ST-ABN on weizmann4, its attention made of evidence, as in motion_shapes/st_abn_tiny_evidence.py.
_base_ = "st_abn.py"
model = dict(
    attention_branch=dict(
        _delete_=True,
        type="EvidenceBranch",
        stage=dict(type="PointwiseStage", in_channels=32, out_channels=64),
    ),
    attention_mechanism=dict(gate="joint"),
    loss_weights=dict(stillness=1.0),
)
