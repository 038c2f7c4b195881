# SlowOnly on Kinetics-400, 8 frames of step 8, from ImageNet's weights. Published: 76.45 top-1,
# 10 clips × 3 crops of 256²,
# https://github.com/open-mmlab/mmaction2/tree/main/configs/recognition/slowonly
# Run here: built, and a step on made data (tests/test_configs.py).
_base_ = [
    "../_base_/models/slowonly_r50.py",
    "../_base_/datasets/kinetics400_8x8.py",
    "../_base_/schedules/sgd_tpn.py",
    "../_base_/runtime.py",
]
model = dict(num_classes=400, max_views=6)
optim_wrapper = dict(optimizer=dict(lr=0.02, nesterov=False))
auto_scale_lr = dict(base_batch_size=128)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, end=10, by_epoch=True),
    dict(type="MultiStepLR", begin=10, milestones=[90, 130], gamma=0.1, by_epoch=True),
]
