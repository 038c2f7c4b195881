# Under a camera that moves: make_motion_shapes.py data/motion_shapes_moving --camera mixed
_base_ = "st_abn_tiny_evidence.py"
root = "{{$MOTION_SHAPES_MOVING:data/motion_shapes_moving}}"
train_pipeline = [
    dict(type="SampleSegments", placement="random"),
    dict(type="DecodeFrames"),
    dict(type="Stabilize"),
    dict(type="Resize", size=64),
    dict(type="Flip", prob=0.5, label_map="motion_shapes"),
    dict(type="PackClips"),
]
test_pipeline = [
    dict(type="SampleSegments", placement="center"),
    dict(type="DecodeFrames"),
    dict(type="Stabilize"),
    dict(type="Resize", size=64),
    dict(type="PackClips"),
]
train_dataloader = dict(
    dataset=dict(ann_file=f"{root}/train.txt", data_root=f"{root}/frames", pipeline=train_pipeline)
)
val_dataloader = dict(
    dataset=dict(ann_file=f"{root}/val.txt", data_root=f"{root}/frames", pipeline=test_pipeline)
)
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=16)
