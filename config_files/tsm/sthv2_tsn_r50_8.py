# TSN on Something-Something V2, 8 segments: what is left where nothing sees the order of frames.
# Published: 35.51 top-1, 25 frames × 10 crops,
# https://github.com/open-mmlab/mmaction2/tree/main/configs/recognition/tsn
# Run here: built, and a step on made data (tests/test_configs.py).
_base_ = "./sthv2_r50_8.py"
model = dict(backbone=dict(shift_div=0), max_views=10)
# A clip has 8 frames: 3 clips, 24 frames, stand for the 25. Half of the crops are mirrored, which
# changes what some labels say; so it was published.
test_pipeline = [
    dict(_base_.test_pipeline[0], num_clips=3),
    *_base_.test_pipeline[1:3],
    dict(type="TenCrop", size=224),
    _base_.test_pipeline[4],
]
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
