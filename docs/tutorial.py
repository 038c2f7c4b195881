"""Types the commands of tutorial.md on videos of moving shapes, and takes its pictures.

python docs/tutorial.py DIRECTORY     # needs the extra `serve`, Playwright and Chromium
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import cv2

DOCS = Path(__file__).resolve().parent
CLASSES = ("approach", "away", "move_left", "move_right", "rotate_clockwise", "toward")
SCREEN = {"width": 1200, "height": 860}


def make_videos(place: Path, *, count: int) -> None:
    """``videos/CLASS/*.mp4``, ``new_videos/*.mp4`` and ``long.mp4``, which has each class once.

    Args:
        place: Where to.
        count: Videos of a class.
    """
    kinds = 12  # of motion_shapes, of which half are taken
    tool = DOCS.parent / "tools/data/make_motion_shapes.py"
    sizes = ["--videos", count * kinds, "--val-videos", kinds, "--size", 96]
    command = [sys.executable, tool, place / "shapes", *sizes]
    subprocess.run([str(word) for word in command], check=True)
    one_of_each = []
    for folder in sorted((place / "shapes/frames").iterdir()):
        split, name, number = re.fullmatch(r"(train|val)_(.*)_(\d+)", folder.name).groups()
        if name not in CLASSES:
            continue
        frames = sorted(folder.glob("*.jpg"))
        into = f"videos/{name}" if split == "train" else "new_videos"
        write_film(place / into / f"{name}_{number}.mp4", frames)
        if split == "val":
            one_of_each += frames
    write_film(place / "long.mp4", one_of_each)


def write_film(path: Path, frames: list[Path]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=12)
        stream.width = stream.height = 96
        stream.pix_fmt = "yuv420p"
        for file in frames:
            picture = av.VideoFrame.from_ndarray(cv2.imread(str(file)), format="bgr24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def commands() -> list[str]:
    """Of the page, in order."""
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


def of_this_checkout(line: str) -> dict[str, Any]:
    """How to run a line so that ``st-abn`` is this checkout's, installed or not."""
    own = f"exec {shlex.quote(sys.executable)} -m mmaction.commands"
    return {
        "args": ["bash", "-c", re.sub("^st-abn", lambda _: own, line)],
        "env": {**os.environ, "PYTHONPATH": str(DOCS.parent)},
    }


def type_command(line: str, place: Path) -> None:
    print(f"$ {line}", flush=True)
    subprocess.run(**of_this_checkout(line), cwd=place, check=True)


@contextmanager
def served(line: str, place: Path) -> Iterator[str]:
    """The address that ``st-abn serve`` prints."""
    run = of_this_checkout(f"{line} --port 0")
    process = subprocess.Popen(**run, cwd=place, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", "".join(process.stdout.readline() for _ in range(2)))
        assert found is not None, f"{line} printed no address"
        urllib.request.urlopen(found[0] + "health", timeout=60).close()
        yield found[0]
    finally:
        process.terminate()
        process.wait(30)


def take_pictures(place: Path, url: str, out: Path) -> None:
    """Of the page of explanations, of the film and of the served page."""
    from playwright.sync_api import sync_playwright

    with av.open(str(place / "film.mp4")) as film:
        frames = [frame.to_ndarray(format="bgr24") for frame in film.decode(video=0)]
    picture = cv2.resize(frames[len(frames) * 7 // 12], None, fx=3, fy=3)
    cv2.imwrite(str(out / "tutorial_film.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 80])
    with sync_playwright() as playwright:
        found = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page(viewport=SCREEN)
        page.goto((place / "mine/explanations/index.html").as_uri())
        page.locator("#video").wait_for()
        shoot(page, out / "tutorial_page.jpg")
        page.goto(url)
        page.locator("#file").set_input_files(place / "long.mp4")
        answer = page.frame_locator("#answer")
        answer.locator(".video").nth(2).click()
        answer.locator("#timeline-chart .playhead").wait_for(state="attached")
        shoot(page, out / "tutorial_serve.jpg")
        browser.close()


def shoot(page: Any, path: Path) -> None:
    page.wait_for_timeout(500)
    page.screenshot(path=path, type="jpeg", quality=60)


def main() -> None:
    place = Path(sys.argv[1]).absolute()
    make_videos(place, count=30)
    *before, serve = commands()
    for line in before:
        type_command(line, place)
    with served(serve, place) as url:
        take_pictures(place, url, DOCS / "images")


if __name__ == "__main__":
    main()
