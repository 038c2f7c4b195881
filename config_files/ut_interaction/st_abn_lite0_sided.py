# Who acts, the person on the left or on the right: a mirror image changes the class.
_base_ = "st_abn_lite0.py"
sides = dict(label_map={0: 1, 2: 3, 4: 5, 6: 7})
root = _base_.root
classes = f"{root}/classes_sided.txt"
train_pipeline = [
    dict(step, **sides) if step["type"] == "Flip" else step for step in _base_.train_pipeline
]
model = dict(num_classes=8)
train_dataloader = dict(
    dataset=dict(ann_file=f"{root}/train_sided.txt", classes=classes, pipeline=train_pipeline)
)
val_dataloader = dict(dataset=dict(ann_file=f"{root}/val_sided.txt", classes=classes))
test_dataloader = val_dataloader
