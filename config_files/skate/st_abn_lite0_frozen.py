# Skateboard tricks: in training the place tells the class, in validation it does not.
_base_ = "../ut_interaction/st_abn_lite0_frozen.py"
root = "{{$SKATE:../shared/skate}}"
lists = dict(data_root=f"{root}/videos", classes=f"{root}/classes.txt")
model = dict(num_classes=2)
train_dataloader = dict(dataset=dict(ann_file=f"{root}/train.txt", **lists))
val_dataloader = dict(dataset=dict(ann_file=f"{root}/val.txt", **lists))
test_dataloader = val_dataloader
