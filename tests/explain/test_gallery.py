"""The list on the page; how it behaves in a browser is in test_page.py."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from mmaction.explain.colormap import OPACITY
from mmaction.explain.gallery import Entry, write_gallery, write_page
from mmaction.explain.writer import ExplanationWriter

NASTY = ["</script><script>alert(1)", "a\"b'&c", "@data@", "50%/#1?x", "Žižek 漢字", "c:d", "\\1"]
ENTRY = Entry(name="video", folder="video", label=1, prediction=0, probability=0.25)


class Page(HTMLParser):
    """Collects the tags of a page and the text of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] == "script" and data.strip():
            self.scripts.append(data)

    def all(self, tag: str) -> list[dict]:
        return [attrs for found, attrs in self.tags if found == tag]

    @property
    def data(self) -> dict:
        return json.loads(self.scripts[0])


def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NASTY)
def test_data_makes_no_markup(name, tmp_path):
    entries = [replace(ENTRY, name=name, folder=name)]
    page = read(write_page(tmp_path, name, entries=entries, classes=[name, "<b>"]))
    assert len(page.all("script")) == 2
    assert not page.all("b")
    assert page.data["classes"] == [name, "<b>"]
    ((found, url, *rest),) = page.data["videos"]
    assert (found, unquote(url)) == (name, f"./{name}")
    assert rest == [1, 0, 0.25]
    assert not set("?#\"'<> ") & set(url)


def test_nothing_comes_from_outside(tmp_path):
    text = write_page(tmp_path, "title", entries=[ENTRY]).read_text(encoding="utf-8")
    assert "http" not in re.sub(r'http-equiv="', "", text)
    assert not Page(text).all("link")[1:]
    assert all(not attrs.get("src") for attrs in Page(text).all("script"))


def test_only_what_this_run_wrote_is_listed(tmp_path, make_explanation):
    scores = np.array([0.25, 0.75], dtype=np.float32)
    for names in (["old", "both"], ["both", "new"]):
        writer = ExplanationWriter(out_dir=tmp_path)
        for name in names:
            fields = {"name": name, "scores": scores, "attention_scores": None}
            writer.write([[make_explanation(clip_len=2, size=(8, 8), **fields)]])
        page = write_gallery(tmp_path, "run", entries=writer.entries)
    assert [video[0] for video in read(page).data["videos"]] == ["both", "new"]
    assert (tmp_path / "old" / "explanation.npz").is_file()


def test_a_video_written_twice_is_listed_once(tmp_path):
    later = replace(ENTRY, prediction=1)
    page = write_gallery(tmp_path, "run", entries=[ENTRY, replace(ENTRY, folder="a"), later])
    assert [(video[1], video[3]) for video in read(page).data["videos"]] == [
        ("./a", 0),
        ("./video", 1),
    ]


def test_an_empty_run_makes_an_empty_page(tmp_path):
    path = write_gallery(tmp_path, "empty", entries=[])
    assert read(path).data["videos"] == []
    assert [each.name for each in tmp_path.iterdir()] == ["index.html"]


def test_colour_maps_go_along_and_the_pictures_own_is_first(tmp_path):
    data = read(write_gallery(tmp_path, "page", entries=[ENTRY])).data
    assert (data["colormap"], data["opacity"]) == ("viridis", OPACITY)
    assert {"viridis", "jet", "magma"} <= data["colormaps"].keys()
