# ST-ABN on motion_shapes, its attention made of evidence: two CPU cores, about three minutes.
# As published: st_abn_tiny.py.
_base_ = "st_abn_tiny.py"
model = dict(
    attention_branch=dict(
        _delete_=True,
        type="EvidenceBranch",
        stage=dict(type="PointwiseStage", in_channels=32, out_channels=64),
    ),
    attention_mechanism=dict(gate="joint"),
    loss_weights=dict(stillness=1.0),
)
