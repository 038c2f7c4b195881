"""motion_shapes: what its films show, what its files hold, and that no frame tells the class."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from mmaction.dataprep.motion_shapes import (
    CAMERAS,
    CLASSES,
    MIN_FRAMES,
    DataSetOptions,
    Video,
    make_data_set,
    make_video,
)
from mmaction.dataprep.motion_shapes.camera import draw_drift
from mmaction.dataprep.motion_shapes.classes import draw_phases
from mmaction.dataprep.motion_shapes.drawing import coverage, draw_outline
from mmaction.dataprep.motion_shapes.mark import Mark, draw_mark, mark_look, put_mark
from mmaction.dataprep.motion_shapes.scene import LOWER, UPPER, draw_scene
from mmaction.datasets import AnnotationList
from mmaction.datasets.class_names import both_ways

PAIRS = [(label, label + 1) for label in range(0, len(CLASSES), 2)]
SEEDS = range(6)
OPTIONS = DataSetOptions(videos=26, val_videos=13, seed=3, frames=9, size=32)


def video_of(name: str, seed: int) -> Video:
    return make_video(np.random.default_rng([7, seed]), CLASSES.index(name))


def centroid(weights: np.ndarray) -> np.ndarray:
    """Of an H×W weighting: x, y."""
    y, x = np.indices(weights.shape)
    return np.array([(x * weights).sum(), (y * weights).sum()]) / weights.sum()


def widened(mask: np.ndarray) -> np.ndarray:
    """By two pixels: masks leave out what a body covers by less than half, such as its tips."""
    return cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0


# What the films show


@pytest.mark.parametrize(("forwards", "backwards"), PAIRS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_pair_is_one_film_in_both_directions(forwards: int, backwards: int, seed: int) -> None:
    how = dict(camera=CAMERAS[seed % len(CAMERAS)], busy=seed % 2 > 0)
    one = make_video(np.random.default_rng(seed), forwards, **how)
    other = make_video(np.random.default_rng(seed), backwards, **how)
    assert (one.label, other.label) == (forwards, backwards)
    np.testing.assert_array_equal(one.frames, other.frames[::-1])
    np.testing.assert_array_equal(one.actor_masks, other.actor_masks[::-1])
    np.testing.assert_array_equal(one.actor_boxes, other.actor_boxes[::-1])
    assert [24 - frame for frame in one.action_interval] == [*other.action_interval][::-1]
    for field in ("distractor_masks", "camera"):
        shown, reversed_ = getattr(one, field), getattr(other, field)
        expected = how["busy"] if field == "distractor_masks" else how["camera"] != "still"
        assert [shown is not None, reversed_ is not None] == [expected] * 2
        assert shown is None or (shown == reversed_[::-1]).all()


@pytest.mark.parametrize(("camera", "busy"), [("still", False), ("mixed", True)])
def test_what_is_drawn_at_random_does_not_depend_on_the_label(camera: str, busy: bool) -> None:
    states = []
    for label in range(len(CLASSES)):
        rng = np.random.default_rng(5)
        make_video(rng, label, frames=8, size=32, camera=camera, busy=busy)
        states.append(rng.bit_generator.state)
    assert all(state == states[0] for state in states)


@pytest.mark.parametrize(
    ("name", "way"),
    [("move_left", (-1, 0)), ("move_right", (1, 0)), ("move_up", (0, -1)), ("move_down", (0, 1))],
)
@pytest.mark.parametrize("seed", SEEDS)
def test_moves_go_where_their_name_says(name: str, way: tuple[int, int], seed: int) -> None:
    masks = video_of(name, seed).actor_masks
    shift = centroid(masks[-1]) - centroid(masks[0])
    assert 0.25 * 64 < shift @ way < 0.35 * 64
    assert abs(shift @ way[::-1]) < 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_toward_grows_and_away_shrinks(seed: int) -> None:
    for name, small, large in (("toward", 0, -1), ("away", -1, 0)):
        masks = video_of(name, seed).actor_masks
        assert math.sqrt(masks[large].sum() / masks[small].sum()) == pytest.approx(1.95, abs=0.25)


@pytest.mark.parametrize("seed", SEEDS)
def test_rotations_turn_as_seen_on_screen(seed: int) -> None:
    for name, sign in (("rotate_clockwise", 1), ("rotate_counter_clockwise", -1)):
        video = video_of(name, seed)
        # From the body's centre to that of its brightness: y points down, so angles run clockwise.
        spokes = [
            centroid(mask * frame.astype(float).sum(axis=2)) - centroid(mask)
            for mask, frame in zip(video.actor_masks, video.frames, strict=True)
        ]
        angles = np.unwrap([math.atan2(y, x) for x, y in spokes])
        assert 130 < sign * math.degrees(angles[-1] - angles[0]) < 210


@pytest.mark.parametrize("seed", SEEDS)
def test_who_moves_when_two_come_together(seed: int) -> None:
    scene = draw_scene(np.random.default_rng(seed), 24)

    def places(name: str, phase: float) -> tuple[np.ndarray, np.ndarray]:
        poses = {b: course(phase) for b, course in scene.action(CLASSES.index(name)).items()}
        upper, lower = poses[UPPER], poses[LOWER]
        return np.array([upper.x, upper.y]), np.array([lower.x, lower.y])

    for name in ("approach", "cover"):
        (upper, lower), (upper_end, lower_end) = places(name, 0), places(name, 1)
        assert np.linalg.norm(upper - lower) > 21.9
        assert np.linalg.norm(upper_end - lower_end) <= 3
        if name == "approach":
            np.testing.assert_allclose(upper_end - upper, lower - lower_end)
        else:
            np.testing.assert_array_equal(lower, lower_end)


@pytest.mark.parametrize("name", ["approach", "cover"])
@pytest.mark.parametrize("seed", SEEDS)
def test_coming_together_hides_what_lies_below(name: str, seed: int) -> None:
    masks = video_of(name, seed).actor_masks
    assert masks[-1].sum() < 0.9 * masks[0].sum()


# Ground truth


@pytest.fixture(scope="module")
def videos() -> list[Video]:
    return [
        make_video(np.random.default_rng([11, n]), n % len(CLASSES))
        for n in range(len(CLASSES) * 8)
    ]


def test_actors_rest_outside_the_interval_and_act_within_it(videos: list[Video]) -> None:
    for video in videos:
        start, stop = video.action_interval
        assert 2 <= start < stop <= 22
        assert 8 <= stop - start <= 14
        for rest in (slice(None, start), slice(stop, None)):
            mask = video.actor_masks[rest]
            assert (mask == mask[0]).all()
            actor = video.frames[rest][:, mask[0]]
            np.testing.assert_array_equal(actor, np.broadcast_to(actor[0], actor.shape))
        for frame in range(start, stop):
            for near in (frame - 1, frame + 1):
                assert (video.frames[frame] != video.frames[near]).any()


def test_all_motion_is_the_actors(videos: list[Video]) -> None:
    """But in the few videos where a body shivers, which shows in the first frames, at rest."""
    quiet = [video for video in videos if (video.frames[0] == video.frames[1]).all()]
    assert len(videos) / 2 < len(quiet) < len(videos)
    for video in quiet:
        for frame in range(1, len(video.frames)):
            moved = (video.frames[frame] != video.frames[frame - 1]).any(axis=2)
            actors = video.actor_masks[frame] | video.actor_masks[frame - 1]
            assert not (moved & ~widened(actors)).any()


def test_boxes_enclose_the_masks(videos: list[Video]) -> None:
    for video in videos:
        for mask, box in zip(video.actor_masks, video.actor_boxes, strict=True):
            y, x = np.nonzero(mask)
            assert tuple(box) == (x.min(), y.min(), x.max() + 1, y.max() + 1)


@given(frames=st.integers(MIN_FRAMES, 200), seed=st.integers(0, 2**32))
def test_actions_take_a_part_of_any_clip(frames: int, seed: int) -> None:
    phases = draw_phases(np.random.default_rng(seed), frames)
    acting = np.flatnonzero((phases > 0) & (phases < 1))
    start, stop = acting[0], acting[-1] + 1
    assert 1 <= start < stop <= frames - 1
    assert frames / 3 - 1 < stop - start < frames * 7 / 12 + 1
    assert (phases[:start] == 0).all()
    assert (phases[stop:] == 1).all()
    assert (np.diff(phases[start - 1 : stop + 1]) > 0).all()


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32))
def test_scenes_keep_bodies_apart_in_every_action(seed: int) -> None:
    """Frame by frame, with circles around the bodies: the pair alone may overlap."""
    scene = draw_scene(np.random.default_rng(seed), 24)
    for label in range(0, len(CLASSES), 2):
        courses = scene.action(label)
        for phase in np.linspace(0, 1, 9):
            poses = [courses[b](phase) if b in courses else p for b, p in enumerate(scene.rest)]
            for one, pose in enumerate(poses):
                assert pose.radius - 1e-9 <= pose.x <= 64 - pose.radius + 1e-9
                assert pose.radius - 1e-9 <= pose.y <= 64 - pose.radius + 1e-9
                for other in range(max(one + 1, 2), len(poses)):
                    distance = math.hypot(pose.x - poses[other].x, pose.y - poses[other].y)
                    assert distance > 0.92 * (pose.radius + poses[other].radius)


@given(seed=st.integers(0, 2**32))
def test_outlines_fit_the_unit_circle_and_show_a_turn(seed: int) -> None:
    outline = draw_outline(np.random.default_rng(seed))
    assert np.hypot(*outline.T).max() == pytest.approx(1, abs=1e-3)
    still = coverage(outline * 20 + 24, 48)
    for degrees in range(30, 360, 30):
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        turned = coverage(outline @ np.array([[cos, sin], [-sin, cos]]) * 20 + 24, 48)
        assert np.abs(turned - still).sum() > 0.1 * still.sum()


def test_coverage_is_the_area_of_each_pixel() -> None:
    """Up to an eighth of a pixel that fillPoly adds on every side."""
    turns = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    disc = 10 * np.stack([np.cos(turns), np.sin(turns)], axis=1) + (14.3, 16.6)
    pixels = coverage(disc, 32)
    np.testing.assert_allclose(centroid(pixels) + 0.5, (14.3, 16.6), atol=0.03)
    assert math.sqrt(pixels.sum() / np.pi) == pytest.approx(10.125, abs=0.05)
    assert set(pixels[16, 6:23]) == {1}
    assert pixels[0].max() == 0


# The camera


@pytest.mark.parametrize(
    ("label", "brightness", "acting"),
    [
        (0, [194119, 194156, 194077], [20, 20, 22, 20, 22, 20, 22, 22, 22]),
        (5, [175354, 167575, 159981], [54, 54, 54, 40, 31, 24, 19, 13, 13]),
        (10, [132206, 132172, 125749], [60, 60, 63, 59, 62, 59, 49, 45, 45]),
    ],
)
def test_what_a_still_camera_films_stays_as_it_is(
    label: int, brightness: list[int], acting: list[int]
) -> None:
    """Sums of what the generator drew before cameras moved."""
    video = make_video(np.random.default_rng([17, label]), label, frames=9, size=32)
    assert video.frames[::4].sum(axis=(1, 2, 3), dtype=int).tolist() == brightness
    assert video.actor_masks.sum(axis=(1, 2)).tolist() == acting
    assert video.camera is video.distractor_masks is None


def on_stage(pictures: np.ndarray, video: Video) -> np.ndarray:
    """T×H×W(×3) pictures brought back to the stage, by the camera's path alone."""
    assert video.camera is not None
    undone = []
    for picture, matrix in zip(pictures.astype(np.float32), video.camera, strict=True):
        index = matrix.copy()  # of pixels by their middles, as OpenCV counts
        index[:, 2] += matrix[:, :2].sum(axis=1) / 2 - 0.5
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        undone.append(cv2.warpAffine(picture, index, picture.shape[1::-1], flags=how))
    return np.stack(undone)


@pytest.mark.parametrize("camera", CAMERAS[1:])
@pytest.mark.parametrize("seed", range(3))
def test_the_world_stands_still_once_the_camera_s_path_is_undone(camera: str, seed: int) -> None:
    for name in ("rotate_clockwise", "part"):
        label = CLASSES.index(name)
        video = make_video(np.random.default_rng([19, seed]), label, camera=camera)
        frames, masks = on_stage(video.frames, video), on_stage(video.actor_masks, video)
        inside = on_stage(np.ones_like(video.actor_masks), video).min(axis=0) > 0.99
        away = inside & (cv2.dilate(masks.max(axis=0), np.ones((7, 7))) < 0.01)
        spread = np.abs(frames - frames[:1]).mean(axis=(0, 3))[away].mean()
        moving = np.abs(video.frames - video.frames[:1].astype(float)).mean(axis=(0, 3)).mean()
        assert spread < 0.4 * moving
        start = video.action_interval[0]
        resting = masks[:start, inside]  # the actors, too, before they act
        assert np.abs(resting - resting[:1]).mean() < 0.25 * resting.mean()


def pace(video: Video) -> float:
    """How far the picture's points move from frame to frame, on average, in pixels."""
    matrices = np.stack([np.vstack([m, (0, 0, 1)]) for m in video.camera])
    size = video.frames.shape[1]
    points = np.stack([*np.meshgrid(*[np.linspace(0, size, 5)] * 2), np.ones((5, 5))])
    step = matrices[1:] @ np.linalg.inv(matrices[:-1])
    moved = np.einsum("tij,jyx->tiyx", step, points)
    return float(np.hypot(*np.moveaxis(moved - points, 1, 0)[:2]).mean())


def test_a_mixed_camera_moves_by_about_a_pixel_a_frame() -> None:
    paces = [
        pace(make_video(np.random.default_rng([23, n]), n % 12, camera="mixed")) for n in range(48)
    ]
    assert np.mean(paces) == pytest.approx(1.1, abs=0.15)
    assert min(paces) > 0.3


@pytest.mark.parametrize("seed", SEEDS)
def test_a_camera_that_follows_holds_what_moves(seed: int) -> None:
    label = CLASSES.index("move_left")
    video = make_video(np.random.default_rng([29, seed]), label, camera="follow")
    [on_screen, on_the_stage] = [
        abs(centroid(masks[-1])[0] - centroid(masks[0])[0])
        for masks in (video.actor_masks, on_stage(video.actor_masks, video))
    ]
    assert on_screen < 0.5 * on_the_stage


@given(seed=st.integers(0, 2**32), frames=st.integers(MIN_FRAMES, 60))
def test_who_drifts_keeps_its_pace(seed: int, frames: int) -> None:
    poses = draw_drift(np.random.default_rng(seed), frames)
    steps = np.diff([(pose.x, pose.y, pose.radius, pose.angle) for pose in poses], axis=0)
    np.testing.assert_allclose(steps, np.broadcast_to(steps[0], steps.shape), atol=1e-9)
    assert 24 <= math.hypot(*steps[0]) * (frames - 1) <= 42


def test_a_drifter_is_none_of_the_actors_and_lies_behind_them() -> None:
    changes = strays = 0
    for n in range(12):
        how = dict(camera=CAMERAS[n % len(CAMERAS)])
        busy = make_video(np.random.default_rng([31, n]), n % 12, **how, busy=True)
        free = make_video(np.random.default_rng([31, n]), n % 12, **how)
        np.testing.assert_array_equal(busy.actor_masks, free.actor_masks)
        assert not (busy.distractor_masks & busy.actor_masks).any()
        changed = (busy.frames != free.frames).any(axis=3)
        for mask, change in zip(busy.distractor_masks, changed, strict=True):
            changes += change.sum()
            strays += (change & ~widened(mask)).sum()  # seen through a slit between others
    assert strays < 0.01 * changes


# Files


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("data") / "motion_shapes"
    assert make_data_set(out, OPTIONS)
    return out


def digest(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_every_file_is_there_and_no_other(data_set: Path) -> None:
    names = [directory.name for directory in (data_set / "frames").iterdir()]
    assert len(names) == 26 + 13
    frames = {f"frames/{name}/img_{n:05d}.jpg" for name in names for n in range(1, 10)}
    truth = {f"ground_truth/{name}.npz" for name in names}
    rest = {"train.txt", "val.txt", "classes.txt", "motion_shapes.json"}
    assert set(digest(data_set)) == frames | truth | rest
    assert (data_set / "classes.txt").read_text().split() == list(CLASSES)


@pytest.mark.parametrize(("split", "count"), [("train", 26), ("val", 13)])
def test_lists_name_split_class_and_number_and_are_balanced(
    data_set: Path, split: str, count: int
) -> None:
    labels = []
    for number, line in enumerate((data_set / f"{split}.txt").read_text().splitlines()):
        directory, frames, label = line.split()
        labels.append(int(label))
        assert directory == f"{split}_{CLASSES[int(label)]}_{number:05d}"
        assert int(frames) == len(list((data_set / "frames" / directory).iterdir()))
    assert len(labels) == count
    assert np.ptp(np.bincount(labels, minlength=len(CLASSES))) <= 1
    assert len(AnnotationList.load(data_set / f"{split}.txt")) == count


def test_files_hold_the_video(data_set: Path) -> None:
    for number in (0, 7, 12):
        label = number % len(CLASSES)
        name = f"val_{CLASSES[label]}_{number:05d}"
        video = make_video(np.random.default_rng([3, 1, number]), label, frames=9, size=32)
        with np.load(data_set / "ground_truth" / f"{name}.npz") as truth:
            assert set(truth) == {"label", "actor_masks", "actor_boxes", "action_interval"}
            assert truth["label"] == label
            assert truth["actor_masks"].dtype == bool
            np.testing.assert_array_equal(truth["actor_masks"], video.actor_masks)
            np.testing.assert_array_equal(truth["actor_boxes"], video.actor_boxes)
            assert tuple(truth["action_interval"]) == video.action_interval
        for n, frame in enumerate(video.frames, start=1):
            read = cv2.imread(str(data_set / "frames" / name / f"img_{n:05d}.jpg"))
            assert np.abs(read[..., ::-1].astype(int) - frame).mean() < 8


def test_files_hold_the_camera_and_who_drifts(tmp_path: Path) -> None:
    moving = replace(OPTIONS, videos=12, val_videos=12, camera="mixed", busy=True)
    make_data_set(tmp_path / "moving", moving)
    assert json.loads((tmp_path / "moving/motion_shapes.json").read_text())["camera"] == "mixed"
    how = dict(frames=9, size=32, camera="mixed", busy=True)
    video = make_video(np.random.default_rng([3, 1, 7]), 7, **how)
    name = "val_rotate_counter_clockwise_00007"
    with np.load(tmp_path / f"moving/ground_truth/{name}.npz") as truth:
        np.testing.assert_array_equal(truth["camera"], video.camera)
        np.testing.assert_array_equal(truth["distractor_masks"], video.distractor_masks)


def test_files_hold_the_mark_and_whether_it_tells_the_class(tmp_path: Path) -> None:
    marked = replace(OPTIONS, videos=12, val_videos=12, shortcut=1.0)
    make_data_set(tmp_path / "marked", marked)
    with (tmp_path / "marked/marks.csv").open(newline="") as file:
        told = {row["clip"]: row["group"] for row in csv.DictReader(file)}
    assert len(told) == 24
    for name, group in told.items():
        with np.load(tmp_path / f"marked/ground_truth/{name}.npz") as truth:
            label, planted = int(truth["label"]), bool(truth["planted"])
            assert CLASSES[int(truth["mark_label"])] == group
            assert planted == (group == CLASSES[label]) == name.startswith("train")
            assert not (truth["actor_masks"] & truth["distractor_masks"]).any()
            assert (truth["distractor_masks"].sum(axis=(1, 2)) == 4 * 4).all()
    video = make_video(np.random.default_rng([3, 1, 7]), 7, frames=9, size=32)
    with np.load(tmp_path / "marked/ground_truth/val_rotate_counter_clockwise_00007.npz") as truth:
        mark = truth["distractor_masks"]
        np.testing.assert_array_equal(truth["actor_masks"], video.actor_masks & ~mark)
        place = Mark(
            int(truth["mark_label"]), bool(mark[0, 16:].any()), bool(mark[0, :, 16:].any())
        )
    frames = put_mark(video, place).frames
    np.testing.assert_array_equal(frames[~mark], video.frames[~mark])
    assert (frames[mark] != video.frames[mark]).any(axis=1).all()


@pytest.mark.parametrize("share", [0.0, 0.7, 1.0])
def test_a_mark_tells_the_class_in_its_share_of_the_videos(share: float) -> None:
    rng, labels = np.random.default_rng(5), np.arange(2400) % len(CLASSES)
    told = np.array([draw_mark(rng, label, share=share).label for label in labels.tolist()])
    spread = math.sqrt(share * (1 - share) / len(labels))
    assert abs((told == labels).mean() - share) <= 4 * spread
    others = np.bincount((told - labels)[told != labels] % len(CLASSES), minlength=len(CLASSES))
    expected = (told != labels).sum() / 11
    assert (np.abs(others[1:] - expected) <= 4 * math.sqrt(expected)).all()


def test_a_mark_mirrored_is_the_mirrored_class_s() -> None:
    marks = [mark_look(label, size=64) for label in range(len(CLASSES))]
    partners = both_ways({0: 1, 6: 7})  # left and right, the two ways to rotate
    for label, mark in enumerate(marks):
        mirrored = [i for i, m in enumerate(marks) if np.array_equal(m, mark[:, ::-1])]
        assert mirrored == [partners.get(label, label)]


def test_the_same_bytes_for_a_seed_whatever_the_number_of_jobs(
    data_set: Path, tmp_path: Path
) -> None:
    assert make_data_set(tmp_path / "again", OPTIONS, jobs=2)
    assert digest(tmp_path / "again") == digest(data_set)
    other = DataSetOptions(videos=12, val_videos=12, seed=4, frames=9, size=32)
    make_data_set(tmp_path / "other", other)
    before, after = digest(data_set), digest(tmp_path / "other")
    assert all(after[name] != before[name] for name in after if name.startswith("frames/"))


def test_no_video_comes_twice(data_set: Path) -> None:
    first_frames = list((data_set / "frames").glob("*/img_00001.jpg"))
    assert len({path.read_bytes() for path in first_frames}) == len(first_frames) == 39


# No frame tells the class

TRAINING, HELD_OUT, FRAMES, SIZE = 600, 360, 10, 32


def binomial_bound(trials: int, chance: float) -> float:
    """The share of hits that guessing exceeds once in a thousand times."""
    tail, hits = 1.0, 0
    while tail > 1e-3:
        tail -= math.comb(trials, hits) * chance**hits * (1 - chance) ** (trials - hits)
        hits += 1
    return hits / trials


CHANCE_BOUND = binomial_bound(HELD_OUT, 1 / len(CLASSES)) + 0.02
DIRECTION_BOUND = binomial_bound(HELD_OUT, 1 / 2) + 0.02


def make_films(**how: Any) -> tuple[Tensor, Tensor]:
    """Float, N×T×3×H×W about 0, and their labels; the last `HELD_OUT` are for testing."""
    labels = np.arange(TRAINING + HELD_OUT) % len(CLASSES)
    how = dict(frames=FRAMES, size=SIZE) | how
    frames = [
        make_video(np.random.default_rng([13, n]), int(label), **how).frames
        for n, label in enumerate(labels)
    ]
    pixels = torch.from_numpy(np.stack(frames)).permute(0, 1, 4, 2, 3)
    return (pixels.float() - 80) / 60, torch.from_numpy(labels)


@pytest.fixture(scope="module")
def films() -> tuple[Tensor, Tensor]:
    return make_films()


def frame_net() -> nn.Module:
    """Logits of single frames."""

    def stage(inputs: int, outputs: int) -> list[nn.Module]:
        conv = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
        return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]

    features = [*stage(3, 24), *stage(24, 48), *stage(48, 64), nn.Flatten()]
    head = [nn.Linear(64 * (SIZE // 8) ** 2, 64), nn.ReLU(), nn.Linear(64, len(CLASSES))]
    return nn.Sequential(*features, *head)


def logits_by_frame(net: nn.Module, films: Tensor) -> Tensor:
    """N×T×classes."""
    return net(films.flatten(0, 1)).unflatten(0, films.shape[:2])


@pytest.mark.parametrize("bag", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_frames_without_their_order_stay_near_chance(
    films: tuple[Tensor, Tensor], bag: bool
) -> None:
    """Taught by each frame's own logits, or by their average over a film."""
    check_chance(*films, bag=bag)


@pytest.mark.slow
@pytest.mark.parametrize("bag", [False, True])
@pytest.mark.parametrize("camera", ["follow", "mixed"])
def test_a_moving_camera_gives_no_more_away(camera: str, bag: bool) -> None:
    check_chance(*make_films(camera=camera, busy=True), bag=bag)


def check_chance(pixels: Tensor, labels: Tensor, *, bag: bool) -> None:
    torch.manual_seed(0)
    net = frame_net()
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=1e-2)
    for _ in range(6):
        for batch in torch.randperm(TRAINING).split(24):
            some = torch.randperm(FRAMES)[: FRAMES // 2]
            logits = logits_by_frame(net, pixels[batch][:, some])
            if bag:
                logits = logits.mean(dim=1, keepdim=True)
            target = labels[batch].repeat_interleave(logits.shape[1])
            loss = functional.cross_entropy(logits.flatten(0, 1), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    net.eval()
    truth = labels[TRAINING:]
    with torch.no_grad():
        logits = logits_by_frame(net, pixels[TRAINING:])
    film_logits = logits.mean(dim=1)
    by_frame = (logits.argmax(dim=2) == truth[:, None]).float().mean()
    by_film = (film_logits.argmax(dim=1) == truth).float().mean()
    rows = torch.arange(len(truth))
    direction = (film_logits[rows, truth] > film_logits[rows, truth ^ 1]).float().mean()
    assert CHANCE_BOUND < 0.2
    assert by_frame < CHANCE_BOUND
    assert by_film < CHANCE_BOUND
    assert direction < DIRECTION_BOUND


def motion_features(films: Tensor) -> Tensor:
    """How brightness changes between frames goes with its slopes: N×features.

    By the constancy of brightness, -(dI/dt)(dI/dx) sums up to motion to the right, and likewise
    to motion down; with its moments about the centre of the change, to growth and to turning.
    """
    gray = films.mean(dim=2)
    change = gray[:, 1:] - gray[:, :-1]
    slope_y, slope_x = torch.gradient((gray[:, 1:] + gray[:, :-1]) / 2, dim=(2, 3))
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    energy = change.square()
    total = energy.sum(dim=(1, 2, 3), keepdim=True) + 1e-6
    x = x - (energy * x).sum(dim=(1, 2, 3), keepdim=True) / total
    y = y - (energy * y).sum(dim=(1, 2, 3), keepdim=True) / total
    right, down = -change * slope_x, -change * slope_y
    spread = (energy * (x**2 + y**2)).sum(dim=(1, 2, 3)) / total.flatten()
    maps = (right, down, x * right + y * down, x * down - y * right, change * gray[:, 1:])
    sums = torch.stack([m.sum(dim=(1, 2, 3)) / total.flatten().sqrt() for m in maps], dim=1)
    return torch.cat([sums, sums.abs(), spread[:, None].sqrt()], dim=1)


def test_their_order_tells_the_class(films: tuple[Tensor, Tensor]) -> None:
    torch.manual_seed(0)
    pixels, labels = films
    features = motion_features(pixels)
    mean, std = features[:TRAINING].mean(dim=0), features[:TRAINING].std(dim=0)
    features = (features - mean) / std
    net = nn.Sequential(nn.Linear(features.shape[1], 64), nn.ReLU(), nn.Linear(64, len(CLASSES)))
    optimizer = torch.optim.AdamW(net.parameters(), 1e-2, weight_decay=1e-2)
    for _ in range(200):
        loss = functional.cross_entropy(net(features[:TRAINING]), labels[:TRAINING])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    answers = net(features[TRAINING:]).argmax(dim=1)
    assert (answers == labels[TRAINING:]).float().mean() > 0.5
