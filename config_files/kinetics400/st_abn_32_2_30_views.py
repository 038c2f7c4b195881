# Tests by 10 clips × 3 crops of 256², as published figures on Kinetics-400 are: docs/recipe.md.
_base_ = "./st_abn_32_2.py"
model = dict(max_views=6)
test_pipeline = [
    dict(type="SampleFrames", frame_interval=2, num_clips=10, placement="even"),
    dict(type="DecodeFrames"),
    dict(type="Resize", short_side=256),
    dict(type="ThreeCrop", size=256),
    dict(type="PackClips"),
]
test_dataloader = dict(batch_size=1, dataset=dict(pipeline=test_pipeline))
