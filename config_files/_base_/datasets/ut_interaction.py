# UT-Interaction (SDHA 2010): six actions between two people; FOLD, 1 to 3: who is held out.
root = "{{$UT_INTERACTION:../shared/ut_interaction}}"
fold = "{{$FOLD:1}}"
size = 128
lists = dict(type="VideoDataset", data_root=f"{root}/videos", classes=f"{root}/classes.txt")
train_pipeline = [
    dict(type="SampleSegments", placement="random"),
    dict(type="DecodeFrames"),
    dict(type="RandomResizedCrop", size=size, scale=(0.5, 1.0), ratio=(1.0, 2.0)),
    dict(type="Flip", prob=0.5),
    dict(type="ColorJitter", brightness=0.5, contrast=0.5, saturation=0.8, hue=0.2),
    dict(type="MixStaticFrame"),
    dict(type="PackClips"),
]
test_pipeline = [
    dict(type="SampleSegments", placement="center", num_clips=8),
    dict(type="DecodeFrames"),
    dict(type="Resize", size=size),
    dict(type="PackClips"),
]
loader = dict(
    num_workers=1, persistent_workers=True, collate_fn=dict(type="collate_clips"), batch_size=8
)
train_dataloader = dict(
    sampler=dict(type="EpochSampler", shuffle=True),
    dataset=dict(ann_file=f"{root}/folds/{fold}_train.txt", pipeline=train_pipeline, **lists),
    **loader,
)
val_dataloader = dict(
    sampler=dict(type="EpochSampler", shuffle=False, round_up=False),
    dataset=dict(ann_file=f"{root}/folds/{fold}_val.txt", pipeline=test_pipeline, **lists),
    **loader,
)
test_dataloader = val_dataloader
val_evaluator = dict(type="AccuracyMetric")
test_evaluator = val_evaluator
