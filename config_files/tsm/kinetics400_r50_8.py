# TSM on Kinetics-400, 8 segments. Published: 73.18 top-1, 10 crops of 224²,
# https://github.com/open-mmlab/mmaction2/tree/main/configs/recognition/tsm
# Run here: built, and a step on made data (tests/test_configs.py).
_base_ = [
    "../_base_/models/tsm_r50.py",
    "../_base_/datasets/kinetics400.py",
    "../_base_/schedules/sgd_tsm_50e.py",
    "../_base_/runtime.py",
]
model = dict(num_classes=400)
optim_wrapper = dict(optimizer=dict(weight_decay=1e-4))
segments = dict(type="SampleSegments")
train_pipeline = [dict(segments, placement="random"), *_base_.train_pipeline[1:]]
val_pipeline = [dict(segments, placement="center"), *_base_.test_pipeline[1:]]
test_pipeline = [*val_pipeline[:3], dict(type="TenCrop", size=224), val_pipeline[4]]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(batch_size=1, dataset=dict(pipeline=test_pipeline))
