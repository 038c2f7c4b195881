from __future__ import annotations

from pathlib import Path

import pytest

from mmaction.datasets.class_names import find_classes
from mmaction.errors import DataError


def test_names_given_from_a_file_or_from_beside_the_list(tmp_path: Path) -> None:
    assert find_classes(["a", "b"], "list.txt") == ("a", "b")
    assert find_classes(None, str(tmp_path / "list.txt")) is None
    (tmp_path / "classes.txt").write_text("\ufeffone\r\ntwo words\r\n\r\n")
    assert find_classes(None, str(tmp_path / "list.txt")) == ("one", "two words")
    assert find_classes(tmp_path / "classes.txt", "list.txt") == ("one", "two words")


def test_class_files_that_cannot_be_used(tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    with pytest.raises(DataError, match=r"names.txt' does not exist"):
        find_classes(str(names), "list.txt")
    names.write_text("a\n\nb\n")
    with pytest.raises(DataError, match=r"names.txt:2: an empty line"):
        find_classes(names, "list.txt")
    names.write_bytes(b"\xff")
    with pytest.raises(DataError, match=r"names.txt:1: this is not UTF-8 text"):
        find_classes(names, "list.txt")
