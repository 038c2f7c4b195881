# weizmann4: four actions of six people, 64×64. One person is left out of training and tested on.
root = "{{$WEIZMANN4:../shared/weizmann4}}"
held_out = "subject6_*"
lists = dict(
    type="RawframeDataset",
    ann_file=[f"{root}/train.txt", f"{root}/val.txt"],
    data_root=f"{root}/frames",
)
train_pipeline = [
    dict(type="SampleFrames", frame_interval=(1, 3), placement="random"),
    dict(type="DecodeFrames"),
    dict(type="RandomResizedCrop", size=64, scale=(0.35, 1.0)),
    dict(type="Flip", prob=0.5),
    dict(type="ColorJitter", brightness=0.5, contrast=0.5, saturation=0.6, hue=0.1),
    dict(type="PackClips"),
]
test_pipeline = [
    dict(type="SampleFrames", frame_interval=2, num_clips=3, placement="even"),
    dict(type="DecodeFrames"),
    dict(type="Resize", size=64),
    dict(type="PackClips"),
]
loader = dict(
    num_workers=1, persistent_workers=True, collate_fn=dict(type="collate_clips"), batch_size=8
)
train_dataloader = dict(
    sampler=dict(type="EpochSampler", shuffle=True),
    dataset=dict(exclude=held_out, pipeline=train_pipeline, **lists),
    **loader,
)
val_dataloader = dict(
    sampler=dict(type="EpochSampler", shuffle=False, round_up=False),
    dataset=dict(include=held_out, pipeline=test_pipeline, **lists),
    **loader,
)
test_dataloader = val_dataloader
val_evaluator = dict(type="AccuracyMetric")
test_evaluator = val_evaluator
