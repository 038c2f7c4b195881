# Maps that say what the answer rests on, at some cost in who acts: docs/explanations_tables.md.
_base_ = "st_abn_lite0_guided.py"
model = dict(
    mask_by_attention=0.5,
    attention_branch=dict(
        absolute=True,
        of_answer=True,
        smoothing_frames=1,
        spatial_smoothing_frames=3,
        spatial_smoothing_cells=3,
    ),
)
