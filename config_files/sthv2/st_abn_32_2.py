# ST-ABN R50 on Something-Something V2, a dense window of 32 frames with step 2.
_base_ = "./st_abn_32.py"
window = dict(type="SampleFrames", frame_interval=2)
train_pipeline = [dict(window, placement="random"), *_base_.train_pipeline[1:]]
test_pipeline = [dict(window, placement="center"), *_base_.test_pipeline[1:]]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
