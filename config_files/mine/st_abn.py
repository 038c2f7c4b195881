# ST-ABN on videos of your own, a directory a class: docs/data.md. MINE: where lists and videos are.
_base_ = [
    "../_base_/models/st_abn_tiny.py",
    "../_base_/schedules/one_cycle_200e.py",
    "../_base_/runtime.py",
]
root = "{{$MINE:data/mine}}"
train_pipeline = [
    dict(type="SampleSegments", placement="random"),
    dict(type="DecodeFrames"),
    dict(type="RandomResizedCrop", size=112, scale=(0.35, 1.0)),
    dict(type="Flip", prob=0.5),
    dict(type="ColorJitter", brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1),
    dict(type="PackClips"),
]
test_pipeline = [
    dict(type="SampleSegments", placement="center"),
    dict(type="DecodeFrames"),
    dict(type="Resize", short_side=128),
    dict(type="CenterCrop", size=112),
    dict(type="PackClips"),
]
loader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    collate_fn=dict(type="collate_clips"),
)
train_dataloader = dict(
    sampler=dict(type="EpochSampler", shuffle=True),
    dataset=dict(
        type="VideoDataset",
        ann_file=f"{root}/train.txt",
        data_root=f"{root}/videos",
        pipeline=train_pipeline,
        on_error="resample",
    ),
    **loader,
)
val_dataloader = dict(
    sampler=dict(type="EpochSampler", shuffle=False, round_up=False),
    dataset=dict(
        type="VideoDataset",
        ann_file=f"{root}/val.txt",
        data_root=f"{root}/videos",
        pipeline=test_pipeline,
    ),
    **loader,
)
val_evaluator = dict(type="AccuracyMetric")
evaluation = dict(interval=20)
default_hooks = dict(checkpoint=dict(interval=20))
