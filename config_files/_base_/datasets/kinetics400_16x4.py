# Kinetics-400, dense windows of 16 frames with step 4; tests by 10 clips × 3 crops of 256².
_base_ = "./kinetics400_8x8.py"
step = dict(frame_interval=4)
train_pipeline = [dict(_base_.train_pipeline[0], **step), *_base_.train_pipeline[1:]]
val_pipeline = [dict(_base_.val_pipeline[0], **step), *_base_.val_pipeline[1:]]
test_pipeline = [dict(_base_.test_pipeline[0], **step), *_base_.test_pipeline[1:]]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
