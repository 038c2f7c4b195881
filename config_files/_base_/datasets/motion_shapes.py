# motion_shapes, made by tools/data/make_motion_shapes.py; 12 frames by uniform segments at 64².
root = "{{$MOTION_SHAPES:data/motion_shapes}}"
train_pipeline = [
    dict(type="SampleSegments", placement="random"),
    dict(type="DecodeFrames"),
    dict(type="Resize", size=64),
    dict(type="Flip", prob=0.5, label_map="motion_shapes"),
    dict(type="PackClips"),
]
test_pipeline = [
    dict(type="SampleSegments", placement="center"),
    dict(type="DecodeFrames"),
    dict(type="Resize", size=64),
    dict(type="PackClips"),
]
train_dataloader = dict(
    batch_size=12,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="EpochSampler", shuffle=True),
    collate_fn=dict(type="collate_clips"),
    dataset=dict(
        type="RawframeDataset",
        ann_file=f"{root}/train.txt",
        data_root=f"{root}/frames",
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="EpochSampler", shuffle=False, round_up=False),
    collate_fn=dict(type="collate_clips"),
    dataset=dict(
        type="RawframeDataset",
        ann_file=f"{root}/val.txt",
        data_root=f"{root}/frames",
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="AccuracyMetric")
test_evaluator = val_evaluator
