# The authors' recipe: for 64 clips a step (8 GPUs × 8), lr ÷ 10 at epochs 75 and 125 of 150.
optim_wrapper = dict(
    type="TrainingOptimWrapper",
    optimizer=dict(type="SGD", lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4),
    clip_grad=dict(max_norm=20),
)
auto_scale_lr = dict(base_batch_size=64, enable=False)
param_scheduler = [dict(type="MultiStepLR", milestones=[75, 125], gamma=0.1, by_epoch=True)]
train_cfg = dict(type="ResumableTrainLoop", max_epochs=150)
val_cfg = dict()
test_cfg = dict()
