from __future__ import annotations

from pathlib import Path

import pytest

from mmaction.dataprep.directories import walk, whole_directory


def test_walks_through_links_but_not_in_circles_nor_where_it_is_hidden(tmp_path: Path) -> None:
    for name in ("elsewhere/x.mp4", "root/y.mp4", "root/b/a.txt", "root/.hidden/z", "root/b/.z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "root/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root/again").symlink_to(tmp_path / "root")
    (tmp_path / "root/b/up").symlink_to(tmp_path / "root")
    assert list(walk(tmp_path / "root")) == [
        (".", ["b", "linked"], ["y.mp4"]),
        ("b", [], ["a.txt"]),
        ("linked", [], ["x.mp4"]),
    ]


def test_a_directory_is_whole_or_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "deep/er"

    def write(text: str) -> None:
        with whole_directory(target, drafts=tmp_path / "drafts") as draft:
            (draft / "a.txt").write_text(text)
            if text == "bad":
                raise KeyboardInterrupt

    for text in ("one", "two"):
        write(text)
        assert (target / "a.txt").read_text() == text
    with pytest.raises(KeyboardInterrupt):
        write("bad")
    assert (target / "a.txt").read_text() == "two"
    assert list((tmp_path / "drafts").iterdir()) == []
