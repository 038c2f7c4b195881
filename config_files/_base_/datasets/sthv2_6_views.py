# Something-Something V2; tests by 2 clips × 3 crops of 256², validation by one view as in sthv2.py.
# The clips are the even and the odd ones of twice as many segments.
_base_ = "./sthv2.py"
test_pipeline = [
    dict(_base_.test_pipeline[0], num_clips=2),
    *_base_.test_pipeline[1:3],
    dict(type="ThreeCrop", size=256),
    _base_.test_pipeline[4],
]
test_dataloader = dict(batch_size=1, dataset=dict(pipeline=test_pipeline))
