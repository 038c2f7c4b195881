"""The list on the page; how it behaves in a browser is in test_page.py."""

import re
from dataclasses import replace
from urllib.parse import unquote

import numpy as np
import pytest

from mmaction.explain.colormap import OPACITY
from mmaction.explain.gallery import Entry, write_gallery
from mmaction.explain.writer import ExplanationWriter
from tests.explain.pages import page_data

NASTY = ["</script><script>alert(1)", "a\"b'&c", "@data@", "50%/#1?x", "Žižek 漢字", "c:d", "\\1"]
ENTRY = Entry(name="video", folder="video", label=1, prediction=0, probability=0.25)


@pytest.mark.parametrize("name", NASTY)
def test_data_makes_no_markup(name, tmp_path):
    entries = [replace(ENTRY, name=name, folder=name)]
    page = write_gallery(tmp_path, name, entries=entries, classes=[name, "<b>"])
    text = page.read_text(encoding="utf-8")
    assert text.count("<script") == text.count("</script") == 2
    assert "<b>" not in text
    data = page_data(page)
    assert data["classes"] == [name, "<b>"]
    ((found, url, *rest),) = data["videos"]
    assert (found, unquote(url)) == (name, f"./{name}")
    assert rest == [1, 0, 0.25]
    assert not set("?#\"'<> ") & set(url)


def test_nothing_comes_from_outside(tmp_path):
    text = write_gallery(tmp_path, "title", entries=[ENTRY]).read_text(encoding="utf-8")
    assert "http" not in text.replace("http-equiv=", "")
    assert not re.search("<script[^>]*src=", text)
    assert re.findall("<link[^>]*>", text) == ['<link rel="icon" href="data:,">']


def test_only_what_this_run_wrote_is_listed(tmp_path, make_explanation):
    scores = np.array([0.25, 0.75], dtype=np.float32)
    for names in (["old", "both"], ["both", "new"]):
        writer = ExplanationWriter(out_dir=tmp_path)
        for name in names:
            fields = {"name": name, "scores": scores, "attention_scores": None}
            writer.write([[make_explanation(clip_len=2, size=(8, 8), **fields)]])
        page = write_gallery(tmp_path, "run", entries=writer.entries)
    assert [video[0] for video in page_data(page)["videos"]] == ["both", "new"]
    assert (tmp_path / "old" / "explanation.npz").is_file()


def test_a_video_written_twice_is_listed_once(tmp_path):
    later = replace(ENTRY, prediction=1)
    page = write_gallery(tmp_path, "run", entries=[ENTRY, replace(ENTRY, folder="a"), later])
    assert [(video[1], video[3]) for video in page_data(page)["videos"]] == [
        ("./a", 0),
        ("./video", 1),
    ]


def test_an_empty_run_makes_an_empty_page(tmp_path):
    path = write_gallery(tmp_path, "empty", entries=[])
    assert page_data(path)["videos"] == []
    assert [each.name for each in tmp_path.iterdir()] == ["index.html"]


def test_colour_maps_go_along_and_the_pictures_own_is_first(tmp_path):
    data = page_data(write_gallery(tmp_path, "page", entries=[ENTRY]))
    assert (data["colormap"], data["opacity"]) == ("viridis", OPACITY)
    assert {"viridis", "jet", "magma"} <= data["colormaps"].keys()
