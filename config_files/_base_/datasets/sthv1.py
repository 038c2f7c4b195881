# Something-Something V1: frames named {:05d}.jpg from 1 on.
# A flip swaps left and right in the labels.
_base_ = "./rawframes_224.py"
frames = dict(
    data_root="data/sthv1/rawframes",
    image_tmpl="{:05d}.jpg",
    start_index=1,
    classes="data/sthv1/classes.txt",
)
train_pipeline = [
    dict(step, label_map="sthv1") if step["type"] == "Flip" else step
    for step in _base_.train_pipeline
]
train_dataloader = dict(
    dataset=dict(ann_file="data/sthv1/train.txt", pipeline=train_pipeline, **frames)
)
val_dataloader = dict(dataset=dict(ann_file="data/sthv1/val.txt", **frames))
test_dataloader = val_dataloader
