"""Published configs of ST-ABN's first code and of TPN, rebuilt field by field."""

from __future__ import annotations

import copy
from typing import Any

NORM = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)
# TPN's neck, whose settings ST-ABN's configs still carry.
NECK = dict(
    in_channels=[1024, 2048],
    out_channels=1024,
    spatial_modulation_config=dict(inplanes=[1024, 2048], planes=2048),
    temporal_modulation_config=dict(scales=(8, 8), param=dict(inplanes=-1, planes=-1)),
    upsampling_config=dict(scale=(1, 1, 1)),
    downsampling_config=dict(scales=(1, 1, 1), param=dict(inplanes=-1, planes=-1)),
    level_fusion_config=dict(in_channels=[1024, 1024], out_channels=2048),
)


def slow_model(num_classes: int, frames: int, *, with_cp: bool = True) -> dict[str, Any]:
    """TSN3D on a slow ResNet-50, TPN's baseline on Kinetics."""
    return dict(
        type="TSN3D",
        backbone=dict(
            type="ResNet_SlowFast",
            pretrained="modelzoo://resnet50",
            depth=50,
            num_stages=4,
            out_indices=[3],
            frozen_stages=-1,
            inflate_freq=(0, 0, 1, 1),
            inflate_style="3x1x1",
            conv1_kernel_t=1,
            conv1_stride_t=1,
            pool1_kernel_t=1,
            pool1_stride_t=1,
            with_cp=with_cp,
            bn_eval=False,
            partial_bn=False,
            style="pytorch",
        ),
        spatial_temporal_module=dict(
            type="SimpleSpatialTemporalModule",
            spatial_type="avg",
            temporal_size=frames,
            spatial_size=7,
        ),
        segmental_consensus=dict(type="SimpleConsensus", consensus_type="avg"),
        cls_head=dict(
            type="ClsHead",
            with_avg_pool=False,
            temporal_feature_size=1,
            spatial_feature_size=1,
            dropout_ratio=0.5,
            in_channels=2048,
            num_classes=num_classes,
        ),
    )


def _runtime(*, weight_decay: float, max_norm: int, log_interval: int) -> dict[str, Any]:
    return dict(
        train_cfg=None,
        test_cfg=None,
        optimizer=dict(type="SGD", lr=0.01, momentum=0.9, weight_decay=weight_decay, nesterov=True),
        optimizer_config=dict(grad_clip=dict(max_norm=max_norm, norm_type=2)),
        lr_config=dict(policy="step", step=[75, 125]),
        checkpoint_config=dict(interval=1),
        workflow=[("train", 1)],
        log_config=dict(interval=log_interval, hooks=[dict(type="TextLoggerHook")]),
        total_epochs=150,
        dist_params=dict(backend="nccl"),
        log_level="INFO",
        load_from=None,
        resume_from=None,
    )


def _frames(ann_file: str, **fields: Any) -> dict[str, Any]:
    return dict(
        type="RawFramesDataset",
        ann_file=ann_file,
        img_norm_cfg=NORM,
        input_format="NCTHW",
        modality="RGB",
        img_scale=256,
        input_size=224,
        resize_keep_ratio=True,
        **fields,
    )


TRAINING = dict(
    random_shift=True,
    flip_ratio=0.5,
    resize_crop=True,
    color_jitter=True,
    color_space_aug=True,
    oversample=None,
    test_mode=False,
)


def st_abn(version: int, *, dense: bool) -> dict[str, Any]:
    """ST-ABN's st_abn_32 (segments) and st_abn_32_2 (dense) for Something-Something."""
    root = f"data/smth_smth_v{version}"
    sampling = (
        dict(num_segments=1, new_length=32, new_step=2)
        if dense
        else dict(num_segments=32, new_length=1, new_step=1)
    )
    common = dict(sampling, img_prefix=f"{root}/frames", image_tmpl=f"{{:0{4 + version}d}}.jpg")
    held_out = dict(common, random_shift=False, flip_ratio=0)
    attention = dict(inplanes=-1, planes=174, loss_weight=0.5)
    neck = dict(type="Att_head", **NECK, att_head_config=attention)
    val_list = f"{root}/anno/val_videofolder.txt"
    config = dict(
        model=dict(slow_model(174, 32), necks=neck),
        data=dict(
            videos_per_gpu=8,
            workers_per_gpu=8,
            train=_frames(
                f"{root}/anno/train_videofolder.txt", **common, **TRAINING, max_distort=1
            ),
            val=_frames(val_list, **held_out, oversample=None, test_mode=False),
            test=_frames(val_list, **held_out, oversample="None", test_mode=True),
        ),
        **_runtime(weight_decay=5e-4, max_norm=20, log_interval=100 * version),
    )
    return copy.deepcopy(config)  # its parts are shared


def tpn_kinetics(
    frames: int, interval: int, *, scales: tuple[int, int] | None = None
) -> dict[str, Any]:
    """TPN's configs for Kinetics-400: the baseline, and with its neck, of such scales."""
    common = dict(img_prefix="", new_length=frames, new_step=interval, image_tmpl="img_{:05d}.jpg")
    val_list = "data/kinetics400/kinetics400_val_list_rawframes.txt"
    held_out = dict(common, random_shift=True, flip_ratio=0)
    test = _frames(val_list, **held_out, num_segments=10, oversample="three_crop", test_mode=True)
    model = slow_model(400, frames, with_cp=not scales)
    if scales:
        model["backbone"]["out_indices"] = [2, 3]
        model["necks"] = tpn_neck(400, scales)
    return dict(
        model=model,
        data=dict(
            videos_per_gpu=8,
            workers_per_gpu=8,
            train=_frames(
                "data/kinetics400/kinetics400_train_list_rawframes.txt",
                **common,
                **TRAINING,
                num_segments=1,
                max_distort=0,
            ),
            val=_frames(val_list, **held_out, num_segments=1, oversample=None, test_mode=False),
            test=dict(test, input_size=256),
        ),
        **_runtime(weight_decay=1e-4, max_norm=40, log_interval=20),
    )


def tpn_neck(num_classes: int, scales: tuple[int, int]) -> dict[str, Any]:
    modulation = dict(scales=scales, param=dict(inplanes=-1, planes=-1))
    aux = dict(inplanes=-1, planes=num_classes, loss_weight=0.5)
    return dict(NECK, type="TPN", temporal_modulation_config=modulation, aux_head_config=aux)


def tpn_tsm(version: int, *, tpn: bool) -> dict[str, Any]:
    """TPN's tsm_baseline and tsm_tpn for Something-Something."""
    config = st_abn(version, dense=False)
    backbone = dict(type="ResNet", pretrained="modelzoo://resnet50", depth=50, nsegments=8)
    backbone |= dict(out_indices=(3,), tsm=True, bn_eval=False, partial_bn=False)
    model = dict(slow_model(174, 8), type="TSN2D", backbone=backbone)
    model["spatial_temporal_module"] = dict(
        type="SimpleSpatialModule", spatial_type="avg", spatial_size=7
    )
    if tpn:
        model |= dict(backbone=dict(backbone, out_indices=(2, 3)), necks=tpn_neck(174, (8, 8)))
    for split in ("train", "val", "test"):
        config["data"][split] |= dict(num_segments=8, input_format="NCHW")
    config["data"]["test"] |= dict(num_segments=16, input_size=256, oversample="three_crop")
    return {**config, "model": model}


def slow_only(frames: int = 8, interval: int = 8) -> dict[str, Any]:
    """SlowOnly as mmaction2 0.x has it, with pipelines of steps."""
    norm = dict(type="Normalize", mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
    norm["to_bgr"] = False
    pack = [
        norm,
        dict(type="FormatShape", input_format="NCTHW"),
        dict(type="Collect", keys=["imgs", "label"], meta_keys=[]),
        dict(type="ToTensor", keys=["imgs", "label"]),
    ]
    sample = dict(type="SampleFrames", clip_len=frames, frame_interval=interval, num_clips=1)
    decode = [dict(type="DecordInit"), sample, dict(type="DecordDecode")]
    train = [
        *decode,
        dict(type="Resize", scale=(-1, 256)),
        dict(type="RandomResizedCrop"),
        dict(type="Resize", scale=(224, 224), keep_ratio=False),
        dict(type="Flip", flip_ratio=0.5),
        *pack,
    ]
    test = [
        dict(type="DecordInit"),
        dict(sample, num_clips=10, test_mode=True),
        dict(type="DecordDecode"),
        dict(type="Resize", scale=(-1, 256)),
        dict(type="ThreeCrop", crop_size=256),
        *pack,
    ]
    videos = dict(type="VideoDataset", ann_file="val.txt", data_prefix="videos")
    return dict(
        model=dict(
            type="Recognizer3D",
            backbone=dict(
                type="ResNet3dSlowOnly",
                depth=50,
                pretrained="torchvision://resnet50",
                lateral=False,
                conv1_kernel=(1, 7, 7),
                conv1_stride_t=1,
                pool1_stride_t=1,
                inflate=(0, 0, 1, 1),
                norm_eval=False,
            ),
            cls_head=dict(
                type="I3DHead",
                in_channels=2048,
                num_classes=400,
                spatial_type="avg",
                dropout_ratio=0.25,
            ),
            train_cfg=None,
            test_cfg=dict(average_clips="prob"),
        ),
        data=dict(
            videos_per_gpu=24,
            workers_per_gpu=2,
            test_dataloader=dict(videos_per_gpu=2),
            train=dict(videos, ann_file="train.txt", pipeline=train),
            val=dict(videos, pipeline=[*decode, dict(type="Resize", scale=(-1, 256)), *pack]),
            test=dict(videos, pipeline=test),
        ),
        optimizer=dict(type="SGD", lr=0.3, momentum=0.9, weight_decay=1e-4),
        optimizer_config=dict(grad_clip=dict(max_norm=40, norm_type=2)),
        lr_config=dict(
            policy="CosineAnnealing",
            min_lr=0,
            warmup="linear",
            warmup_by_epoch=True,
            warmup_iters=34,
        ),
        total_epochs=256,
        evaluation=dict(interval=8, metrics=["top_k_accuracy", "mean_class_accuracy"]),
        checkpoint_config=dict(interval=4),
        log_config=dict(interval=20, hooks=[dict(type="TensorboardLoggerHook")]),
        dist_params=dict(backend="nccl"),
        log_level="INFO",
        work_dir="./work_dirs/slowonly",
        load_from=None,
        resume_from=None,
        find_unused_parameters=False,
    )


def tsm() -> dict[str, Any]:
    """TSM as mmaction2 0.x has it, of segments; its rates by TSM's own constructor."""
    config = slow_only(frames=1, interval=1)
    for split in ("train", "val", "test"):
        config["data"][split]["pipeline"][1] = dict(
            type="SampleFrames",
            clip_len=1,
            frame_interval=1,
            num_clips=8,
            test_mode=split != "train",
        )
    config["data"]["test"]["pipeline"][1]["twice_sample"] = True
    config["model"] = dict(
        type="Recognizer2D",
        backbone=dict(type="ResNetTSM", pretrained="torchvision://resnet50", depth=50, shift_div=8),
        cls_head=dict(
            type="TSMHead",
            num_classes=174,
            in_channels=2048,
            spatial_type="avg",
            consensus=dict(type="AvgConsensus", dim=1),
            dropout_ratio=0.5,
            init_std=0.001,
            is_shift=True,
        ),
        train_cfg=None,
        test_cfg=dict(average_clips="prob"),
    )
    config["optimizer"] |= dict(
        constructor="TSMOptimizerConstructor", paramwise_cfg=dict(fc_lr5=True)
    )
    return config
