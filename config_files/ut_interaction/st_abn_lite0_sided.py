# Who acts, the person on the left or on the right: a mirror image changes the class. FOLD as ever.
_base_ = "st_abn_lite0_frozen.py"
sides = dict(label_map={0: 1, 2: 3, 4: 5, 6: 7})
root = _base_.root
held_out = {
    "1": ["seq05*", "seq07*", "seq08*"],
    "2": ["seq11*", "seq13*", "seq14*", "seq16*"],
    "3": ["seq01*", "seq02*", "seq03*", "seq04*", "seq06*", "seq09*"],
}[_base_.fold]
sided = dict(
    ann_file=[f"{root}/train_sided.txt", f"{root}/val_sided.txt"],
    classes=f"{root}/classes_sided.txt",
)
train_pipeline = [
    dict(step, **sides) if step["type"] == "Flip" else step for step in _base_.train_pipeline
]
model = dict(num_classes=8)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, exclude=held_out, **sided))
val_dataloader = dict(dataset=dict(include=held_out, **sided))
test_dataloader = val_dataloader
