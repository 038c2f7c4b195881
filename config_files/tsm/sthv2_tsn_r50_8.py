# TSN on Something-Something V2, 8 segments: what is left where nothing sees the order of frames.
# Published: 35.51 top-1, 25 frames × 10 crops,
# https://github.com/open-mmlab/mmaction2/tree/main/configs/recognition/tsn
# Run here: built, and a step on made data (tests/test_configs.py).
_base_ = "./sthv2_r50_8.py"
model = dict(backbone=dict(shift_div=0))
