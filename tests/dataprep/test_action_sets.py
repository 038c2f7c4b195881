"""Small files in the formats that Kinetics, UCF101, HMDB51, Jester and Diving48 come in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmaction.dataprep.published import read_published
from mmaction.datasets.class_names import map_by_name
from mmaction.errors import DataError, UserError

HEADER = "label,youtube_id,time_start,time_end,split\n"
FILES: dict[str, dict[str, str]] = {
    "kinetics400": {
        "train.csv": HEADER + "testifying,---QUuC4vJs,84,94,train\n"
        "eating spaghetti,--3ouPhoy2A,20,30,train\n"
        '"dribbling, basketball",--4-0ihtnBU,58,68,train\n',
        "val.csv": HEADER + "testifying,0_abcdefghi,1234567,1234577,validate\n",
        "test.csv": "youtube_id,time_end,time_start,split,is_cc\nabc,11.0,1.0,test,0\n",
    },
    "ucf101": {
        "classInd.txt": "1 ApplyEyeMakeup\r\n2 YoYo\r\n",
        "trainlist01.txt": "YoYo/v_YoYo_g08_c01.avi 2\r\nApplyEyeMakeup/v_A_g08_c01.avi 1\r\n",
        "testlist01.txt": "YoYo/v_YoYo_g01_c01.avi\r\n",
        "trainlist02.txt": "YoYo/v_YoYo_g01_c01.avi 2\n",
    },
    "hmdb51": {
        "brush_hair_test_split1.txt": "a_brush_hair_u_0.avi 1 \nb_#1_brush_hair_u_1.avi 2 \n",
        "wave_test_split1.txt": "c_wave_u_0.avi 0 \nd_wave_u_1.avi 1 \n",
        "brush_hair_test_split2.txt": "a_brush_hair_u_0.avi 2 \n",
    },
    "jester": {
        "jester-v1-labels.csv": "Swiping Left\nSwiping Right\nDoing other things\n"
        "Sliding Two Fingers Left\nTurning Hand Counterclockwise\nSliding Two Fingers Right\n"
        "Turning Hand Clockwise\n",
        "jester-v1-train.csv": "34870;Swiping Right\n56557;Doing other things\n",
        "jester-v1-validation.csv": "9223;Swiping Left\n",
        "jester-v1-test.csv": "7138\n",
    },
    "diving48": {
        "Diving48_vocab.json": json.dumps(
            [["Back", "15som", "05Twis", "FREE"], ["Back", "Dive", "NoTwis", "PIKE"]]
        ),
        "Diving48_V2_train.json": json.dumps(
            [{"vid_name": "dzh_00138", "label": 1, "start_frame": 0, "end_frame": 77}]
        ),
        "Diving48_V2_test.json": json.dumps(
            [{"vid_name": "6oq_00063", "label": 0, "start_frame": 0, "end_frame": 133}]
        ),
    },
}
EXPECTED = {
    "kinetics400": {
        "train": [
            ("---QUuC4vJs_000084_000094", 2),
            ("--3ouPhoy2A_000020_000030", 1),
            ("--4-0ihtnBU_000058_000068", 0),
        ],
        "val": [("0_abcdefghi_1234567_1234577", 2)],
        "test": [("abc_000001_000011", None)],
    },
    "ucf101": {
        "train": [("YoYo/v_YoYo_g08_c01.avi", 1), ("ApplyEyeMakeup/v_A_g08_c01.avi", 0)],
        "val": [("YoYo/v_YoYo_g01_c01.avi", 1)],
    },
    "hmdb51": {
        "train": [("brush_hair/a_brush_hair_u_0.avi", 0), ("wave/d_wave_u_1.avi", 1)],
        "val": [("brush_hair/b_#1_brush_hair_u_1.avi", 0)],
    },
    "jester": {
        "train": [("34870", 1), ("56557", 2)],
        "val": [("9223", 0)],
        "test": [("7138", None)],
    },
    "diving48": {"train": [("dzh_00138", 1)], "val": [("6oq_00063", 0)]},
}


def written(root: Path, kind: str, **changed: str) -> Path:
    for name, text in {**FILES[kind], **changed}.items():
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize("kind", FILES)
def test_reads_the_published_files(tmp_path: Path, kind: str) -> None:
    listing = read_published(kind, written(tmp_path, kind))
    assert {s: [(e.name, e.label) for e in es] for s, es in listing.splits.items()} == EXPECTED[
        kind
    ]
    if kind == "jester":
        swaps = map_by_name("jester", listing.classes)
        assert swaps == {0: 1, 1: 0, 3: 5, 5: 3, 4: 6, 6: 4}
    if kind == "kinetics400":
        assert listing.classes == ["dribbling, basketball", "eating spaghetti", "testifying"]
    if kind == "diving48":
        assert listing.classes == ["Back 15som 05Twis FREE", "Back Dive NoTwis PIKE"]


def test_classes_of_a_file_keep_its_order(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_text("testifying\neating spaghetti\ndribbling, basketball\n")
    root = written(tmp_path, "kinetics400")
    listing = read_published("kinetics400", root, labels=str(path))
    assert [entry.label for entry in listing.splits["train"]] == [0, 1, 2]


def test_other_divisions(tmp_path: Path) -> None:
    ucf = read_published("ucf101", written(tmp_path, "ucf101"), fold=2)
    assert {s: [e.name for e in es] for s, es in ucf.splits.items()} == {
        "train": ["YoYo/v_YoYo_g01_c01.avi"]
    }
    hmdb = read_published("hmdb51", written(tmp_path, "hmdb51"), fold=2)
    assert [e.name for e in hmdb.splits["val"]] == ["brush_hair/a_brush_hair_u_0.avi"]
    with pytest.raises(UserError, match="--fold 4: hmdb51 has 3, counted from 1"):
        read_published("hmdb51", tmp_path, fold=4)


@pytest.mark.parametrize(
    ("kind", "file", "text", "message"),
    [
        ("ucf101", "classInd.txt", "1 A\n3 B\n", "classInd.txt:2: '3 B' is no '2 class'"),
        ("ucf101", "trainlist01.txt", "a.avi 1\n", "01.txt:1: 'a.avi 1' is no 'class/video.avi'"),
        ("hmdb51", "wave_test_split1.txt", "a.avi\n", "wave_test_split1.txt:1: 'a.avi' is no"),
        ("diving48", "Diving48_vocab.json", "{}", "expected a list of dives"),
        ("diving48", "Diving48_V2_train.json", "{}", "train.json: entry 1: expected an object"),
        (
            "diving48",
            "Diving48_V2_train.json",
            '[{"vid_name": "a", "label": 2}]',
            "entry 1: label 2, but Diving48_vocab.json has 2",
        ),
    ],
)
def test_what_cannot_be_is_named(
    tmp_path: Path, kind: str, file: str, text: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_published(kind, written(tmp_path, kind, **{file: text}))


@pytest.mark.parametrize(
    ("train", "problem"),
    [
        ("", "train.csv:1: no header"),
        ("label,id\na,b\n", "train.csv:1: no column 'youtube_id'; the header has 'label', 'id'"),
        (HEADER + "a,b,1,2,train\na,b,1\n", "train.csv:3: 3 columns, but the header has 5"),
        (HEADER + "a,b,x,2,train\n", "train.csv:2: time_start 'x' is no number"),
        (HEADER + "a,,1,2,train\n", "train.csv:2: no youtube_id"),
        (HEADER + "a,b,1,2,train\n,c,1,2,train\n", "csv:3: 'c_000001_000002': a label in some"),
        (HEADER + '"a,b,1,2,train\n', r"train.csv:\d: no csv"),
        (HEADER + "a,b,1,2,train\na,b,1,2,train\n", "csv:3: 'b_000001_000002' is also"),
    ],
)
def test_rows_that_cannot_be_right(tmp_path: Path, train: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem) as error:
        read_published("kinetics400", written(tmp_path, "kinetics400", **{"train.csv": train}))
    assert "\n" not in str(error.value)


def test_no_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no 'train.csv' or"):
        read_published("kinetics400", tmp_path)
