# TPN on TSM, Something-Something V1. Published: 50.7 top-1, 2 clips × 3 crops of 256²,
# https://github.com/decisionforce/TPN/blob/master/MODELZOO.md
# Run here: built, and a step on made data (tests/test_configs.py).
_base_ = "./sthv1_tsm.py"
model = dict(backbone=dict(out_stages=(3, 4)), neck=dict(type="TPN", steps=(1, 1)))
