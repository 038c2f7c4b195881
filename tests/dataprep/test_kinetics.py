from __future__ import annotations

from pathlib import Path

import pytest

from mmaction.dataprep.published import read_published
from mmaction.errors import DataError

HEADER = "label,youtube_id,time_start,time_end,split\n"
TRAIN = HEADER + (
    "testifying,---QUuC4vJs,84,94,train\n"
    "eating spaghetti,--3ouPhoy2A,20,30,train\n"
    '"dribbling, basketball",--4-0ihtnBU,58,68,train\n'
)


def write(root: Path, **texts: str) -> Path:
    for split, text in {"train": TRAIN, **texts}.items():
        (root / f"{split}.csv").write_text(text)
    return root


def test_reads_the_published_csv(tmp_path: Path) -> None:
    write(tmp_path, val=HEADER + "testifying,0_abcdefghi,1234567,1234577,validate\n")
    listing = read_published("kinetics400", tmp_path)
    assert listing.classes == ["dribbling, basketball", "eating spaghetti", "testifying"]
    assert {s: [(e.name, e.label) for e in es] for s, es in listing.splits.items()} == {
        "train": [
            ("---QUuC4vJs_000084_000094", 2),
            ("--3ouPhoy2A_000020_000030", 1),
            ("--4-0ihtnBU_000058_000068", 0),
        ],
        "val": [("0_abcdefghi_1234567_1234577", 2)],
    }


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    text = "youtube_id,time_end,time_start,split,label,is_cc\nabc,11.0,1.0,train,waving,0\n"
    [entry] = read_published("kinetics400", write(tmp_path, train=text)).splits["train"]
    assert entry.name == "abc_000001_000011"


def test_a_test_split_may_have_no_labels(tmp_path: Path) -> None:
    write(tmp_path, test="youtube_id,time_start,time_end,split\nabc,1,11,test\n")
    assert [e.label for e in read_published("kinetics400", tmp_path).splits["test"]] == [None]


def test_classes_of_a_file_keep_its_order(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_text("testifying\neating spaghetti\ndribbling, basketball\n")
    listing = read_published("kinetics400", write(tmp_path), labels=str(path))
    assert [entry.label for entry in listing.splits["train"]] == [0, 1, 2]


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
        read_published("kinetics400", write(tmp_path, train=train))
    assert "\n" not in str(error.value)


def test_no_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no 'train.csv' or"):
        read_published("kinetics400", tmp_path)
