# ST-ABN R50 on Kinetics-400, a dense window of 32 frames with step 2.
_base_ = [
    "../_base_/models/st_abn_r50.py",
    "../_base_/datasets/kinetics400.py",
    "../_base_/schedules/sgd_tpn.py",
    "../_base_/runtime.py",
]
model = dict(num_classes=400)
