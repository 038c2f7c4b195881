# I3D on Kinetics-400, 32 frames of step 2. Published: 73.47 top-1, 10 clips × 3 crops of 256²,
# https://github.com/open-mmlab/mmaction2/tree/main/configs/recognition/i3d
# Run here: built, and a step on made data (tests/test_configs.py).
_base_ = [
    "../_base_/models/i3d_r50.py",
    "../_base_/datasets/kinetics400_32x2.py",
    "../_base_/schedules/sgd_tpn.py",
    "../_base_/runtime.py",
]
model = dict(num_classes=400, max_views=6)
param_scheduler = [dict(_base_.param_scheduler[0], milestones=[40, 80])]
optim_wrapper = dict(optimizer=dict(nesterov=False))
train_cfg = dict(max_epochs=100)
