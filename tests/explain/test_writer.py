import multiprocessing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmaction.errors import UserError
from mmaction.explain.colormap import resize_maps
from mmaction.explain.explanation import Explanation
from mmaction.explain.writer import ExplanationWriter, explain_views, video_folder
from mmaction.structures import ClipSample, VideoResult

FILES = {"explanation.npz", "sheet.png", "clip.mp4"}
VIDEO_FILES = FILES | {"player.js", "thumb.jpg"}


def make_result(name="a/b c", views=1, clip_len=3, label=1, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    numbers = np.arange(views * clip_len).reshape(views, clip_len)
    return VideoResult(
        sample=ClipSample(index=0, name=name, label=label, frame_indices=numbers),
        scores=torch.tensor([0.1, 0.7, 0.2], dtype=dtype),
        attention_scores=torch.tensor([0.5, 0.3, 0.2], dtype=dtype),
        spatial_attention=torch.rand((views, clip_len, 2, 3), generator=generator).to(dtype),
        temporal_attention=torch.rand((views, clip_len), generator=generator).to(dtype),
    )


def make_inputs(views=1, clip_len=3):
    generator = torch.Generator().manual_seed(1)
    shape = (views, clip_len, 16, 24, 3)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def write(writer, result, inputs=None, **options) -> Path:
    """Its directory."""
    views = explain_views(result, make_inputs() if inputs is None else inputs, **options)
    return writer.write([[view] for view in views])


def below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_video_gets_a_directory_by_its_name(tmp_path):
    writer = ExplanationWriter(out_dir=tmp_path / "new" / "out")
    result = make_result()
    folder = write(writer, result, classes=["x", "y", "z"])
    assert folder == tmp_path / "new" / "out" / "a" / "b c"
    assert below(tmp_path / "new" / "out") == {f"a/b c/{file}" for file in VIDEO_FILES}
    saved = np.load(folder / "explanation.npz")
    np.testing.assert_array_equal(saved["spatial"], result.spatial_attention[0])
    np.testing.assert_array_equal(saved["temporal"], result.temporal_attention[0])
    assert saved["frame_indices"].tolist() == [0, 1, 2]
    assert (saved["label"], saved["prediction"]) == (1, 1)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_precision_is_saved_as_float32(tmp_path, dtype):
    (view,) = explain_views(make_result(dtype=dtype), make_inputs())
    for values in (view.spatial, view.temporal, view.scores, view.attention_scores):
        assert values.dtype == np.float32
    np.testing.assert_array_equal(view.frames, make_inputs()[0])


def test_further_views_and_methods_have_files_of_their_own(tmp_path):
    result, inputs = make_result(name="v", views=3), make_inputs(views=3)
    maps = dict(spatial=torch.rand((3, 3, 4, 4)) - 0.5, temporal=torch.rand((3, 3)))
    found = Explanation(**maps, method="grad_cam", target=torch.tensor([1, 2, 0]))
    writer = ExplanationWriter(out_dir=tmp_path)
    attention, cam = explain_views(result, inputs), explain_views(result, inputs, found)
    folder = writer.write(list(zip(attention, cam, strict=True)))
    cams = {"explanation.grad_cam.npz", "sheet.grad_cam.png", "clip.grad_cam.mp4"}
    further = {f"view_{number}/{file}" for number in ("02", "03") for file in FILES | cams}
    assert below(folder) == VIDEO_FILES | cams | further
    own, saved = (np.load(folder / f"view_02/explanation{of}.npz") for of in ("", ".grad_cam"))
    np.testing.assert_array_equal(own["spatial"], result.spatial_attention[1])
    assert own["frame_indices"].tolist() == [3, 4, 5]
    assert "target" not in own
    np.testing.assert_array_equal(saved["spatial"], found.spatial[1])
    assert saved["target"] == 2
    assert {view.method for view in cam} == {"grad_cam"}


def test_entries_say_what_was_written(tmp_path):
    writer = ExplanationWriter(out_dir=tmp_path)
    write(writer, make_result(name="./a//b", label=None))
    (entry,) = writer.entries
    assert (entry.name, entry.folder) == ("./a//b", "a/b")
    assert (entry.label, entry.prediction) == (None, 1)
    assert entry.probability == pytest.approx(0.7)


def test_a_plain_baseline_has_nothing_to_show():
    result = VideoResult(sample=make_result().sample, scores=torch.ones(3))
    with pytest.raises(UserError, match=r"'a/b c'.*no attention maps.*STABN"):
        explain_views(result, make_inputs())


@pytest.mark.parametrize("name", ["../x", "a/../../x", "..", "/abs", "//abs", "", ".", "a\0b"])
def test_no_name_leads_out(tmp_path, name):
    out_dir = tmp_path / "out"
    writer = ExplanationWriter(out_dir=out_dir)
    with pytest.raises(UserError, match="video name"):
        write(writer, make_result(name=name))
    assert below(tmp_path) == set()


def test_no_link_leads_out(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "link").symlink_to(tmp_path)
    with pytest.raises(UserError, match="'link/x' leads out"):
        video_folder(tmp_path / "out", "link/x")


@given(st.text(alphabet="./a \\~%<", max_size=12))
def test_every_accepted_name_is_below(name):
    out_dir = Path("/nowhere/out")
    try:
        folder = video_folder(out_dir, name)
    except UserError:
        return
    assert folder.resolve() != out_dir
    assert folder.resolve().is_relative_to(out_dir)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "%2e%2e", "Žižek 漢字", "~root"])
def test_odd_names_are_kept(tmp_path, name):
    folder = write(ExplanationWriter(out_dir=tmp_path), make_result(name=name))
    assert below(tmp_path) == {f"{name}/{file}" for file in VIDEO_FILES}
    assert folder == tmp_path / name


def test_what_can_not_be_written_is_named(tmp_path):
    writer = ExplanationWriter(out_dir=tmp_path / "out")
    with pytest.raises(UserError, match=r"x{300}: can't write the explanation"):
        write(writer, make_result(name="x" * 300))
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="out_dir='.*file' can't be written to"):
        ExplanationWriter(out_dir=tmp_path / "file")
    (tmp_path / "out" / "video" / "sheet.png").mkdir(parents=True)
    with pytest.raises(UserError, match="video: can't write the explanation"):
        write(writer, make_result(name="video"))
    assert not below(tmp_path / "out")


def _write(out_dir: Path, name: str) -> None:
    write(ExplanationWriter(out_dir=out_dir), make_result(name=name))


def test_two_processes_write_side_by_side(tmp_path):
    context = multiprocessing.get_context("fork")
    workers = [
        context.Process(target=_write, args=(tmp_path, f"same/{index}")) for index in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert below(tmp_path) == {f"same/{index}/{file}" for index in range(2) for file in VIDEO_FILES}


def test_what_was_stabilized_is_shown_as_it_was_filmed():
    """The clip's frames were moved by two pixels to the right: they go back."""
    result = make_result()
    motions = np.tile(np.array([[1, 0, 2], [0, 1, 0], [0, 0, 1.0]]), (1, 3, 1, 1))
    moved = replace(result, sample=replace(result.sample, motions=motions))
    inputs = make_inputs()
    [view], [still] = (explain_views(each, inputs) for each in (moved, result))
    np.testing.assert_array_equal(view.frames[:, :, :-2], inputs[0, :, :, 2:])
    assert view.frames[:, :, -2:].max() == 0
    maps = resize_maps(still.spatial, 16, 24)
    np.testing.assert_allclose(view.spatial[:, :, :-2], maps[:, :, 2:], atol=1e-6)
    assert (view.spatial[:, :, -2:] == maps.min()).all()
