# Kinetics-400 as raw frames, a dense window of 32 frames with step 2.
_base_ = "./rawframes_224.py"
window = dict(type="SampleFrames", frame_interval=2)
train_pipeline = [dict(window, placement="random"), *_base_.train_pipeline[1:]]
test_pipeline = [dict(window, placement="center"), *_base_.test_pipeline[1:]]
frames = dict(classes="data/kinetics400/classes.txt")
train_dataloader = dict(
    dataset=dict(
        ann_file="data/kinetics400/train.txt",
        data_root="data/kinetics400/rawframes_train",
        pipeline=train_pipeline,
        **frames,
    )
)
val_dataloader = dict(
    dataset=dict(
        ann_file="data/kinetics400/val.txt",
        data_root="data/kinetics400/rawframes_val",
        pipeline=test_pipeline,
        **frames,
    )
)
test_dataloader = val_dataloader
