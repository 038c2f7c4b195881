# Kinetics-400, dense windows of 8 frames with step 8; tests by 10 clips × 3 crops of 256².
_base_ = "./kinetics400.py"
window = dict(type="SampleFrames", frame_interval=8)
train_pipeline = [dict(window, placement="random"), *_base_.train_pipeline[1:]]
val_pipeline = [dict(window, placement="center"), *_base_.test_pipeline[1:]]
test_pipeline = [
    dict(window, num_clips=10, placement="even"),
    dict(type="DecodeFrames"),
    dict(type="Resize", short_side=256),
    dict(type="ThreeCrop", size=256),
    dict(type="PackClips"),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(batch_size=1, dataset=dict(pipeline=test_pipeline))
