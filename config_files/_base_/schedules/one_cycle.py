# One-cycle learning rate (Smith & Topin, arXiv:1708.07120) over a short training.
max_epochs = 12
optim_wrapper = dict(
    type="TrainingOptimWrapper",
    optimizer=dict(type="AdamW", lr=5e-3, weight_decay=0.02),
    clip_grad=dict(max_norm=20),
)
auto_scale_lr = dict(base_batch_size=12, enable=False)
param_scheduler = [
    dict(
        type="OneCycleLR",
        eta_max=5e-3,
        pct_start=0.2,
        by_epoch=True,
        convert_to_iter_based=True,
    )
]
train_cfg = dict(type="ResumableTrainLoop", max_epochs=max_epochs)
val_cfg = dict()
test_cfg = dict()
