# An ImageNet network fine-tuned: --load-from a checkpoint of st_abn_lite0_frozen.py, whose branches
# have learned what its features say. docs/results.md.
_base_ = [
    "../_base_/models/st_abn_lite0.py",
    "../_base_/datasets/ut_interaction.py",
    "../_base_/schedules/fine_tune.py",
    "../_base_/runtime.py",
]
max_epochs = 16
first_layers = ("conv_stem", "bn1", "blocks.0", "blocks.1", "blocks.2")
model = dict(
    num_classes=6,
    backbone=dict(norm_eval=True, frozen=[f"model.{layer}" for layer in first_layers]),
)
optim_wrapper = dict(
    optimizer=dict(lr=1e-3),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))),
)
train_cfg = dict(max_epochs=max_epochs)
evaluation = dict(interval=max_epochs)
default_hooks = dict(checkpoint=dict(interval=max_epochs))
