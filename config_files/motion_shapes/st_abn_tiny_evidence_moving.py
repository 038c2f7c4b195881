# Under a camera that moves: make_motion_shapes.py data/motion_shapes_moving --camera mixed
_base_ = "st_abn_tiny_evidence.py"
root = "{{$MOTION_SHAPES_MOVING:data/motion_shapes_moving}}"
steady = dict(type="Stabilize")  # of the frames as they are decoded
train_pipeline = [*_base_.train_pipeline[:2], steady, *_base_.train_pipeline[2:]]
test_pipeline = [*_base_.test_pipeline[:2], steady, *_base_.test_pipeline[2:]]
train_dataloader = dict(
    dataset=dict(ann_file=f"{root}/train.txt", data_root=f"{root}/frames", pipeline=train_pipeline)
)
val_dataloader = dict(
    dataset=dict(ann_file=f"{root}/val.txt", data_root=f"{root}/frames", pipeline=test_pipeline)
)
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=16)
