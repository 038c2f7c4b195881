# Raw frames by uniform segments at 224². Data sets build on this and say where their frames are.
train_pipeline = [
    dict(type="SampleSegments", placement="random"),
    dict(type="DecodeFrames"),
    dict(type="RandomResizedCrop", size=224),
    dict(type="Flip", prob=0.5),
    dict(type="ColorJitter", brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1),
    dict(type="PackClips"),
]
test_pipeline = [
    dict(type="SampleSegments", placement="center"),
    dict(type="DecodeFrames"),
    dict(type="Resize", short_side=256),
    dict(type="CenterCrop", size=224),
    dict(type="PackClips"),
]
workers = dict(num_workers=4, persistent_workers=True, pin_memory=True)
train_dataloader = dict(
    batch_size=8,
    sampler=dict(type="EpochSampler", shuffle=True),
    collate_fn=dict(type="collate_clips"),
    # A night's training survives some bad videos, and names them; tests never replace one.
    dataset=dict(type="RawframeDataset", pipeline=train_pipeline, on_error="resample"),
    **workers,
)
val_dataloader = dict(
    batch_size=8,
    sampler=dict(type="EpochSampler", shuffle=False, round_up=False),
    collate_fn=dict(type="collate_clips"),
    dataset=dict(type="RawframeDataset", pipeline=test_pipeline),
    **workers,
)
test_dataloader = val_dataloader
val_evaluator = dict(type="AccuracyMetric")
test_evaluator = val_evaluator
