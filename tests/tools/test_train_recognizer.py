"""What a user sees of a training: its log where all is well, one line where something is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

Run = Callable[..., Any]
MakeConfig = Callable[..., Path]


FRAME = "frames/train/video 1/img_00003.jpg"


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1500])


def remove_frames(data: Path) -> None:
    for number in (5, 6):
        (data / f"frames/train/video 1/img_{number:05d}.jpg").unlink()


def lists(**text: str) -> Callable[[Path], None]:
    """``lists(train="…")`` writes what the data set's lists say."""

    def write(data: Path) -> None:
        for split, lines in text.items():
            (data / f"{split}.txt").write_text(lines)

    return write


NO_PICTURE = (
    lambda data: (data / FRAME).write_bytes(b"this is no picture"),
    r"frame '.*/train/video 1/img_00003\.jpg' can't be decoded",
)
TOO_FEW = (
    remove_frames,
    r"img_0000[56]\.jpg' does not exist; the directory has 4 frames, the nearest img_00004",
)
DAMAGES = [
    NO_PICTURE,
    TOO_FEW,
    (
        lambda data: cut_short(data / FRAME),
        r"frame '.*/train/video 1/img_00003\.jpg' is truncated",
    ),
    (
        lambda data: (data / "frames/train/video 1").rename(data / "frames/train/elsewhere"),
        r"1 of 2 videos are not in '.*': 'train/video 1' \(.*train\.txt:2\)",
    ),
    (
        lists(train="train/video 0 6 0\ntrain/video 1 6 3\n"),
        r"train\.txt:2: label 3 of 'train/video 1' does not fit num_classes=3",
    ),
    (
        lists(train="train/video 0 6 0\ntrain/video 1 six 1\n"),
        r"train\.txt:2: 'train/video 1 six 1'",
    ),
    (lists(train="\n"), r"train\.txt: the list is empty"),
    (lambda data: (data / "train.txt").unlink(), r"annotation file '.*train\.txt' does not exist"),
    (
        lists(val="train/video 1 6 0\n"),
        r"1 of 1 validation videos are also trained on: 'train/video 1'",
    ),
]


@pytest.mark.parametrize(
    ("damage", "expected", "workers"),
    [*((*each, 0) for each in DAMAGES), (*NO_PICTURE, 1), (*TOO_FEW, 1)],
)
def test_bad_data_costs_one_line(
    damage: Callable[[Path], object],
    expected: str,
    workers: int,
    own_data: Path,
    make_config: MakeConfig,
    run_tool: Run,
) -> None:
    """A loader's worker says no more."""
    damage(own_data)
    option = f"train_dataloader.num_workers={workers}"
    ended = run_tool("train_recognizer", make_config(own_data), "--cfg-options", option)
    assert re.search(expected, ended.error), ended.error


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model['type'] = 'STABNN'", r"type='STABNN' is no model known here; did you mean 'STABN'"),
        (
            "model['clip_length'] = 4",
            r"STABN has no argument 'clip_length'; did you mean 'clip_len'",
        ),
        ("del model['backbone']", r"STABN needs the argument 'backbone'"),
        ("model['backbone']['dept'] = 1", r"ResNet3D has no argument 'dept'; did you mean 'depth'"),
        ("del model['clip_len']", r"model\.clip_len is missing"),
        ("del model", r"'model' is missing"),
        ("model['clip_len'] = 8", r"samples clip_len=4 frames, model\.clip_len is 8"),
        (
            "train_dataloader['batchsize'] = 1",
            r"no argument 'batchsize'; did you mean 'batch_size'",
        ),
        (
            "train_dataloader['dataset']['image_tmp'] = 'a'",
            r"RawframeDataset has no argument 'image_tmp'; did you mean 'image_tmpl'",
        ),
        (
            "train_dataloader['dataset']['pipeline'][2]['type'] = 'Resise'",
            r"type='Resise' is no transform known here; did you mean 'Resize'",
        ),
        (
            "train_dataloader['collate_fn']['type'] = 'collate_clip'",
            r"train_dataloader.collate_fn.type='collate_clip' is no function .*'collate_clips'",
        ),
        (
            "train_dataloader['worker_init_fn'] = dict(type='init')",
            r"train_dataloader.worker_init_fn.type='init' is no function known here",
        ),
        ("train_dataloader['sampler'] = dict(shuffle=True)", r"a 'type' is missing in .*shuffle"),
        (
            "train_dataloader['dataset']['image_tmpl'] = '{:05d}.jpg'",
            r"no frame fits image_tmpl='\{:05d\}\.jpg'; '.*video 0' holds img_00001\.jpg",
        ),
        (
            "train_dataloader['dataset']['start_index'] = 0",
            r"no frame 'img_00000\.jpg' for start_index=0; '.*video 0' holds img_00001\.jpg",
        ),
        (
            "optim_wrapper['optimizer']['type'] = 'SDG'",
            r"optim_wrapper.optimizer.type='SDG' is no optimizer known here; did you mean 'SGD'",
        ),
        ("optim_wrapper['optimizer']['momentun'] = 1", r"SGD has no argument 'momentun'"),
        ("del optim_wrapper", r"train_dataloader, train_cfg, and optim_wrapper come together"),
        ("train_dataloader = None", r"tiny\.py: no train_dataloader to train on"),
        ("load_from = 'no.pth'", r"load_from no\.pth: no such file"),
        ("del val_cfg", r"val_dataloader, val_cfg, and val_evaluator come together"),
        ("train_cfg['max_epoch'] = 3", r"no argument 'max_epoch'; did you mean 'max_epochs'"),
        ("param_scheduler[0]['type'] = 'MultiStepRL'", r"did you mean 'MultiStepLR'"),
        ("custom_hooks = [dict(type='EMAHok')]", r"type='EMAHok' is no hook known here"),
        ("randomness = dict(sed=1)", r"has no argument 'sed'"),
        ("1 / 0", r"ZeroDivisionError"),
        ("import no_such_module", r"ModuleNotFoundError: No module named 'no_such_module'"),
        ("model = dict(", r"SyntaxError"),
    ],
)
def test_a_wrong_config_costs_one_line(
    text: str, expected: str, tiny_data: Path, make_config: MakeConfig, run_tool: Run
) -> None:
    ended = run_tool("train_recognizer", make_config(tiny_data, text))
    assert re.search(expected, ended.error), ended.error


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--cfg-options", "model.num_clases=3"], r"'num_clases'; did you mean 'num_classes'"),
        (["--cfg-options", "model=3"], r"'model' is missing or has no 'type'"),
        (["--gpus", "0"], r"--gpus 0: expected 1 or more"),
        (["--gpus", "4096"], r"--gpus 4096: this machine has \d+ (GPU|CPU core)"),
        (["--load-from", "no.pth"], r"load_from no\.pth: no such file"),
        (["--resume-from", "no.pth"], r"resume_from no\.pth: no such file"),
        (["--launcher", "pytorch"], r"--launcher pytorch: RANK is not set"),
        (["--launcher", "slurm"], r"--launcher slurm: SLURM_PROCID is not set"),
        (["--launcher", "mpi"], r"--launcher mpi: OMPI_COMM_WORLD_RANK is not set"),
        (["--work-dir", "{tmp}/file/work"], r"work_dir='.*file/work' can't be written to"),
        (
            ["--validate", "--cfg-options", "val_dataloader=None"],
            r"--validate: .* has no val_dataloader",
        ),
        (
            ["--resume-from", "{checkpoint}", "--cfg-options", "model.backbone.base_channels=6"],
            r"epoch_1\.pth is of another architecture: backbone\.stem\.conv\.weight is "
            r"\(4, 3, .*\) there, \(6, 3, .*\) in this network",
        ),
        (
            ["--resume-from", "{tmp}/weights.pth"],
            r"can't be resumed, it holds no epoch, iter, optimizer",
        ),
    ],
)
def test_a_wrong_option_costs_one_line(
    options: list[str],
    expected: str,
    tiny_config: Path,
    tiny_checkpoint: Path,
    run_tool: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "file").write_text("")
    weights = torch.load(tiny_checkpoint, weights_only=True)["state_dict"]
    torch.save(weights, tmp_path / "weights.pth")
    given = [option.format(tmp=tmp_path, checkpoint=tiny_checkpoint) for option in options]
    ended = run_tool("train_recognizer", tiny_config, *given)
    assert re.search(expected, ended.error), ended.error


def test_fp16_without_a_gpu(tiny_config: Path, run_tool: Run) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    ended = run_tool("train_recognizer", tiny_config, "--amp-dtype", "fp16")
    assert ended.error.startswith("fp16 needs a GPU, and this machine has none")


def test_an_epoch_leaves_a_short_log_and_checkpoints(
    tiny_config: Path, run_tool: Run, tmp_path: Path
) -> None:
    """Dashes and underscores alike; what a terminal shows fits on a screen."""
    work_dir = tmp_path / "elsewhere"
    ended = run_tool("train_recognizer", tiny_config, "--work_dir", work_dir, "--seed", 7)
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert len(lines) < 20, ended.out
    assert "\x1b" not in ended.out, "colours, though this is no terminal"
    [train] = [line for line in lines if "Epoch(train) [1][2/2]" in line]
    for part in ("lr:", "eta:", "time:", "loss:", "loss_perception:", "top1_attention:"):
        assert part in train
    assert any("Epoch(val) [1][4/4]" in line and "perception/top1:" in line for line in lines)
    assert any("2 clips a step (1 process(es) × 2); lr 0.01 is for 64" in line for line in lines)
    assert (work_dir / "epoch_1.pth").is_file()
    [log] = work_dir.glob("*/*.log")
    kept = log.read_text()
    assert "System environment" in kept
    assert "seed: 7" in kept
    assert "num_classes=3" in kept


def test_no_validate_leaves_validation_out(tiny_config: Path, run_tool: Run) -> None:
    ended = run_tool("train_recognizer", tiny_config, "--no_validate")
    assert (ended.code, ended.err) == (0, "")
    assert "Epoch(val)" not in ended.out
