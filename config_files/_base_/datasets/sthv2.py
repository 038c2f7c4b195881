# Something-Something V2: frames named {:06d}.jpg from 1 on.
# A flip swaps left and right in the labels.
_base_ = "./rawframes_224.py"
frames = dict(
    data_root="data/sthv2/rawframes",
    image_tmpl="{:06d}.jpg",
    start_index=1,
    classes="data/sthv2/classes.txt",
)
train_pipeline = [
    dict(step, label_map="sthv2") if step["type"] == "Flip" else step
    for step in _base_.train_pipeline
]
train_dataloader = dict(
    dataset=dict(ann_file="data/sthv2/train.txt", pipeline=train_pipeline, **frames)
)
val_dataloader = dict(dataset=dict(ann_file="data/sthv2/val.txt", **frames))
test_dataloader = val_dataloader
