# The attention is taught who acts and when, by edits made of clips.csv; FOLD as ever:
# tools/data/truth_to_edits.py config_files/ut_interaction/st_abn_lite0_frozen.py edits.json
#     --ground-truth $UT_INTERACTION/clips.csv --videos 100 --every 200 --away-only
_base_ = "st_abn_lite0_frozen.py"
max_epochs = 80
# Who of two people acts can't be told from one cell: a stage that looks around it, in time too.
around = dict(_delete_=True, type="ResidualStage", in_channels=224, out_channels=256, kind="3d")
model = dict(
    attention_branch=dict(stage=around),
    loss_weights=dict(guidance_spatial=5.0, guidance_temporal=2.0),
)
train_dataloader = dict(dataset=dict(edits="{{$EDITS:edits.json}}"))
train_cfg = dict(max_epochs=max_epochs)
evaluation = dict(interval=max_epochs)
default_hooks = dict(checkpoint=dict(interval=max_epochs))
