# An ImageNet network fine-tuned, the temporal shift in its blocks: docs/fine_tuning.md.
_base_ = [
    "../_base_/models/st_abn_lite0.py",
    "../_base_/datasets/ut_interaction.py",
    "../_base_/schedules/fine_tune.py",
    "../_base_/runtime.py",
]
first_layers = ("conv_stem", "bn1", "blocks.0", "blocks.1", "blocks.2")
model = dict(
    num_classes=6,
    backbone=dict(
        temporal="shift",
        norm_eval=True,
        frozen=[f"model.{layer}" for layer in first_layers],
    ),
)
optim_wrapper = dict(
    optimizer=dict(lr=2e-3),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1), **_base_.learns_faster)),
)
evaluation = dict(interval=_base_.max_epochs)
default_hooks = dict(checkpoint=dict(interval=_base_.max_epochs))
