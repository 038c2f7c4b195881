# TSM's: for 128 clips a step, warm-up of 5 epochs, lr ÷ 10 at epochs 25 and 45 of 50.
_base_ = "./sgd_150e.py"
optim_wrapper = dict(optimizer=dict(lr=0.02, nesterov=False))
auto_scale_lr = dict(base_batch_size=128)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, end=5, by_epoch=True),
    dict(type="MultiStepLR", milestones=[25, 45], gamma=0.1, by_epoch=True),
]
train_cfg = dict(max_epochs=50)
