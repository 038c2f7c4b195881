# The authors' recipe where st_abn_32.py differs from it and a config can say so: docs/recipe.md.
_base_ = "./st_abn_32.py"
model = dict(
    # torch's own start values of convolutions.
    init_cfg=dict(
        type="Kaiming",
        layer="Conv3d",
        a=5**0.5,
        mode="fan_in",
        nonlinearity="leaky_relu",
        distribution="uniform",
    ),
    backbone=dict(with_cp=True),
    attention_branch=dict(pretrained_stage=False),
)
train_pipeline = [
    dict(type="ColorJitter", brightness=32 / 255, contrast=0.4, saturation=0.4, hue=0.5, pca=0.1)
    if step["type"] == "ColorJitter"
    else step
    for step in _base_.train_pipeline
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
default_hooks = dict(checkpoint=dict(max_keep_ckpts=-1))
