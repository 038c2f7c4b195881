# Fine-tuning: AdamW without weight decay of norms and biases, linear warm-up, then a cosine to 0.
max_epochs = 50
warm_up = 5  # epochs
optim_wrapper = dict(
    type="TrainingOptimWrapper",
    optimizer=dict(type="AdamW", lr=1e-3, weight_decay=0.05),
    paramwise_cfg=dict(no_weight_decay=True),
    clip_grad=dict(max_norm=20),
)
auto_scale_lr = dict(base_batch_size=8, enable=False)
param_scheduler = [
    dict(
        type="LinearLR",
        start_factor=0.01,
        end=warm_up,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
    dict(type="CosineAnnealingLR", begin=warm_up, by_epoch=True, convert_to_iter_based=True),
]
train_cfg = dict(type="ResumableTrainLoop", max_epochs=max_epochs)
val_cfg = dict()
test_cfg = dict()
