# And a body that only drifts:
# make_motion_shapes.py data/motion_shapes_busy --camera mixed --busy --videos 2400 --val-videos 240
_base_ = "st_abn_tiny_evidence_moving.py"
root = "{{$MOTION_SHAPES_BUSY:data/motion_shapes_busy}}"
train_dataloader = dict(dataset=dict(ann_file=f"{root}/train.txt", data_root=f"{root}/frames"))
val_dataloader = dict(dataset=dict(ann_file=f"{root}/val.txt", data_root=f"{root}/frames"))
test_dataloader = val_dataloader
model = dict(attention_branch=dict(spatial_smoothing_frames=5))
train_cfg = dict(max_epochs=24)
