from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from mmaction.errors import UserError
from mmaction.explain.gallery import write_gallery
from mmaction.explain.sheet import write_sheet

NASTY = ["<script>alert(1)</script>", "a\"b'&c", "@cards@", "50%/#1?x", "Žižek 漢字", "c:d", "\\1"]


class Page(HTMLParser):
    """Collects tags, links and headings of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.headings: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "h2":
            self.headings.append("")

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] == "h2" and not self.headings[-1]:
            self.headings[-1] = data

    def all(self, tag: str) -> list[dict]:
        return [attrs for found, attrs in self.tags if found == tag]


def dump(out_dir: Path, explanation) -> None:
    folder = out_dir / explanation.name
    folder.mkdir(parents=True)
    write_sheet(explanation, folder / "sheet.png")
    (folder / "clip.mp4").touch()
    explanation.save(folder / "explanation.npz")


@pytest.fixture(scope="module")
def gallery(tmp_path_factory, make_explanation) -> tuple[Path, Page]:
    out_dir = tmp_path_factory.mktemp("gallery")
    scores = np.array([0.25, 0.75], dtype=np.float32)
    for index, name in enumerate(NASTY):
        fields = {"scores": scores, "attention_scores": None, "label": [None, 0, 1][index % 3]}
        dump(out_dir, make_explanation(name=name, clip_len=2, **fields))
    view = make_explanation(name="c:d/view_02", clip_len=2, scores=scores, attention_scores=None)
    dump(out_dir, view)
    path = write_gallery(out_dir, "Where & <when>", classes=["<b>run</b>", "sit"])
    return out_dir, Page(path.read_text(encoding="utf-8"))


def test_every_video_is_listed_once_by_its_name(gallery):
    assert gallery[1].headings == sorted(NASTY)


def test_links_are_relative_and_lead_to_files(gallery):
    out_dir, page = gallery
    links = [a["href"] for a in page.all("a")] + [image["src"] for image in page.all("img")]
    assert len(links) == 4 * len(NASTY) + 1  # sheet twice, film, arrays; one further view
    for link in links:
        assert link.startswith("./")
        assert "?" not in link
        assert "#" not in link
        assert (out_dir / unquote(link)).is_file(), link


def test_images_load_lazily_with_their_size_and_a_description(gallery):
    for image, heading in zip(gallery[1].all("img"), gallery[1].headings, strict=True):
        assert image["loading"] == "lazy"
        assert int(image["width"]) == 840
        assert int(image["height"]) > 200
        assert heading in image["alt"]


def test_data_makes_no_markup_and_nothing_comes_from_outside(gallery):
    out_dir, page = gallery
    text = (out_dir / "index.html").read_text(encoding="utf-8")
    assert len(page.all("script")) == 1
    assert "<script>alert" not in text
    assert "<b>" not in text
    assert "http" not in text
    assert "//" not in text.replace("<!doctype", "")
    assert "<title>Where &amp; &lt;when&gt;</title>" in text


def test_right_wrong_and_unknown_are_marked(gallery):
    # Every prediction is class 1; labels go round None, 0, 1.
    expected = {name: ["unknown", "wrong", "right"][index % 3] for index, name in enumerate(NASTY)}
    found = [article["class"] for article in gallery[1].all("article")]
    assert dict(zip(gallery[1].headings, found, strict=True)) == expected
    text = (gallery[0] / "index.html").read_text(encoding="utf-8")
    assert "7 videos, 2 of 4 right (50.0 %)" in text
    assert "75.0 %" in text


def test_the_filters_have_labels(gallery):
    page = gallery[1]
    assert {attrs.get("id") for attrs in page.all("input")} == {"text", "wrong"}
    assert len(page.all("label")) == 2
    assert page.all("html")[0]["lang"] == "en"


def test_an_empty_directory_makes_an_empty_page(tmp_path):
    path = write_gallery(tmp_path, "empty")
    assert "No videos yet" in path.read_text()
    assert [each.name for each in tmp_path.iterdir()] == ["index.html"]


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "video").mkdir()
    (tmp_path / "video" / "explanation.npz").write_bytes(b"PK\3\4 no")
    with pytest.raises(UserError, match=r"video/explanation\.npz: can't be read"):
        write_gallery(tmp_path, "broken")
    assert not (tmp_path / "index.html").exists()
