from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmaction.apis import load_config
from mmaction.apis.visualize import unique_names, visualize
from mmaction.errors import CheckpointError, ConfigError, DataError, UserError
from mmaction.explain.clip_video import shown_rate
from tests.explain.pages import page_data, player_data
from tests.frame_fixtures import write_film


def test_frames_and_files_side_by_side(
    tiny_config: Path, tiny_checkpoint: Path, tiny_data: Path, tmp_path: Path
) -> None:
    film = write_film(tmp_path / "film.mp4", 20, step=12)
    frames = tiny_data / "frames/val/video 3"
    cfg, out = load_config(tiny_config), tmp_path / "out"
    answers = visualize(cfg, tiny_checkpoint, [frames, film, film], out=out)
    assert [answer.name for answer in answers] == ["video 3", "film.mp4"]
    assert [video[0] for video in page_data(out / "index.html")["videos"]] == [
        "film.mp4",
        "video 3",
    ]
    for answer in answers:
        data = player_data(out / answer.name)
        assert data["label"] is None
        assert data["prediction"] == answer.prediction
        assert data["scores"][answer.prediction] == pytest.approx(answer.probability, abs=1e-5)
        assert (out / answer.name / "clip.mp4").is_file()
    # Four frames of twenty at ten a second: segments of five, their centres; as long as the film.
    film_data = player_data(out / "film.mp4")
    assert np.ptp(np.diff(film_data["views"][0]["numbers"])) == 0
    assert film_data["rate"] == pytest.approx(10 / 5)


def test_the_answer_is_that_of_a_test(
    tiny_config: Path, tiny_checkpoint: Path, tiny_data: Path, tmp_path: Path
) -> None:
    from mmaction import apis

    cfg = load_config(tiny_config)
    expected = apis.test(cfg, tiny_checkpoint, explanations=tmp_path / "test").table.scores[2]
    visualize(cfg, tiny_checkpoint, [tiny_data / "frames/val/video 2"], out=tmp_path / "own")
    np.testing.assert_allclose(player_data(tmp_path / "own/video 2")["scores"], expected, atol=1e-5)
    own, tested = (
        np.load(tmp_path / folder / "explanation.npz")
        for folder in ("own/video 2", "test/val/video 2")
    )
    for key in ("spatial", "temporal", "frame_indices"):
        np.testing.assert_allclose(own[key], tested[key], atol=1e-5)


def test_other_explainers_beside_attention(
    tiny_config: Path, tiny_checkpoint: Path, tiny_data: Path, tmp_path: Path
) -> None:
    explainers = ["attention,grad_cam", "grad_cam:per_frame=False"]
    video = tiny_data / "frames/val/video 0"
    cfg = load_config(tiny_config)
    visualize(cfg, tiny_checkpoint, [video], out=tmp_path, explainers=explainers)
    data = player_data(tmp_path / "video 0")
    maps = data["views"][0]["maps"]
    assert [each["method"] for each in maps] == ["attention", "grad_cam", "grad_cam_2"]
    assert [each["target"] for each in maps] == [None, data["prediction"], data["prediction"]]
    assert (tmp_path / "video 0/explanation.grad_cam_2.npz").is_file()


def test_a_plain_recognizer_needs_another_explainer(
    tiny_data: Path, without_attention: tuple[Path, Path], tmp_path: Path
) -> None:
    cfg, checkpoint = load_config(without_attention[0]), without_attention[1]
    video = tiny_data / "frames/val/video 0"
    with pytest.raises(UserError, match="no attention maps.*--explainers grad_cam"):
        visualize(cfg, checkpoint, [video], out=tmp_path / "out")
    visualize(cfg, checkpoint, [video], out=tmp_path / "out", explainers=["grad_cam"])
    folder = tmp_path / "out/video 0"
    assert sorted(path.name for path in folder.iterdir()) == [
        "clip.grad_cam.mp4",
        "explanation.grad_cam.npz",
        "player.js",
        "sheet.grad_cam.png",
        "thumb.jpg",
    ]
    assert player_data(folder)["attentionScores"] is None


def test_what_can_not_be_looked_at(
    tiny_config: Path, tiny_checkpoint: Path, tiny_data: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("no video")
    good, out = tiny_data / "frames/val/video 0", tmp_path / "out"
    cfg = load_config(tiny_config)

    def look(*videos: Path, **options: Any) -> None:
        visualize(cfg, options.pop("checkpoint", tiny_checkpoint), videos, out=out, **options)

    for name, message in [
        ("missing.mp4", r"missing\.mp4' does not exist"),
        ("empty", r"no numbered images; '.*empty' is empty"),
        ("text.mp4", r"video '.*text\.mp4' can't be read"),
    ]:
        with pytest.raises(DataError, match=message):
            look(good, tmp_path / name)
    with pytest.raises(DataError, match="no video is given"):
        look()
    with pytest.raises(CheckpointError, match="no such file"):
        look(good, checkpoint=tmp_path / "no.pth")
    with pytest.raises(ConfigError, match="'grad_kam'.*did you mean 'grad_cam'"):
        look(good, explainers=["grad_kam"])
    cfg.model.backbone.base_channels = 6
    with pytest.raises(CheckpointError, match="another architecture"):
        look(good)
    cfg.test_dataloader = None
    with pytest.raises(ConfigError, match="no test_dataloader"):
        look(good)
    assert not out.exists()


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["/x/a.mp4"], ["a.mp4"]),
        (["/x/a.mp4", "/y/a.mp4", "/y/b.mp4"], ["x/a.mp4", "y/a.mp4", "b.mp4"]),
        (["/x/y/../a", "/b/a"], ["x/a", "b/a"]),
        (["/a/b", "/b"], ["a/b", "b"]),
    ],
)
def test_names_are_short_and_unlike(paths: list[str], expected: list[str]) -> None:
    assert unique_names([Path(path) for path in paths]) == expected


def test_a_clip_lasts_as_long_as_in_its_video() -> None:
    # 12 frames, each 5 on, at 25 a second.
    assert shown_rate(25.0, np.arange(0, 60, 5)) == pytest.approx(5)
    assert shown_rate(None, np.arange(4)) is None
    assert shown_rate(30.0, np.array([3])) is None
    assert shown_rate(30.0, np.array([7, 7, 7])) == 60
    assert shown_rate(25.0, np.arange(0, 10_000, 1000)) == 0.5
