"""Streams that are faster than the network: what is shown is new, and the rest is dropped."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmaction.apis.live_demo import LiveOutcome, live_demo
from mmaction.datasets.sources.video import frame_times, read_frames
from mmaction.errors import ConfigError, DataError
from mmaction.inference import VideoRecognizer
from tests.conftest import Outcome

BITS, SIDE = 12, 16
A_SECOND = 100  # frames
SLOW = "rise:masks=60"  # an explainer that takes longer than a frame does to come


def picture(number: int) -> np.ndarray:
    """Its number in black and white cells, below each the opposite: a map over both spares it."""
    bits = np.array([number >> k & 1 for k in range(BITS)])
    cells = np.kron([bits, 1 - bits], np.ones((SIDE, SIDE)))
    frame = np.full((120, BITS * SIDE, 3), 90, np.uint8)
    frame[60 : 60 + 2 * SIDE] = 200 * cells[..., None] + 20
    return frame


def number_of(frame: np.ndarray) -> int:
    rows = frame[60 : 60 + 2 * SIDE].astype(int).sum(axis=2)
    cells = rows.reshape(2, SIDE, BITS, SIDE)[:, 4:-4, :, 4:-4].mean(axis=(1, 3))
    return sum(int(above > below) << k for k, (above, below) in enumerate(cells.T))


class Server:
    """Numbered frames over HTTP, as network cameras send them, until ``seconds`` are over."""

    def __init__(self, seconds: float) -> None:
        self.sent: list[float] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                end = time.monotonic() + seconds
                try:
                    while time.monotonic() < end:
                        _, data = cv2.imencode(".jpg", picture(len(server.sent)))
                        server.sent.append(time.monotonic())
                        head = f"Content-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                        self.wfile.write(b"--frame\r\n" + head.encode() + data.tobytes() + b"\r\n")
                        time.sleep(1 / A_SECOND)
                except OSError:
                    return

            def log_message(self, *_: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://user:secret@127.0.0.1:{self.http.server_port}/"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def serve() -> Iterator[Callable[[float], Server]]:
    started: list[Server] = []

    def start(seconds: float) -> Server:
        started.append(Server(seconds))
        return started[-1]

    yield start
    for server in started:
        server.http.shutdown()


def test_ctrl_c_leaves_a_whole_film_of_fresh_frames(
    tiny_checkpoint: Path,
    serve: Callable[[float], Server],
    run_tool: Callable[..., Outcome],
    tmp_path: Path,
) -> None:
    server, out = serve(60), tmp_path / "film.mp4"

    def interrupt() -> None:
        while len(server.sent) < 2 * A_SECOND:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    ended = run_tool("demo", tiny_checkpoint, server.url, "--out", out, "--explainer", SLOW)
    assert ended.code == 0, ended.err
    assert ended.out.endswith(f"written: {out}\n")
    said = re.match(
        r"(\d+) pictures of (\d+) frames, (\d+) dropped; delay (\S+) s on average, (\S+) s at most",
        ended.out,
    )
    assert said is not None
    shown, read, dropped = map(int, said.groups()[:3])
    assert dropped == read - shown > shown
    numbers = [number_of(frame) for frame in read_frames(out, range(shown))]
    assert (np.diff(numbers) > 0).all()
    # A frame's place in the film is when it came: a queue would stretch the film.
    sent, seen = np.array([server.sent[number] for number in numbers]), frame_times(out)
    late = seen - (sent - sent[0])
    assert np.ptp(late[shown // 2 :]) < 1 + 3 * np.diff(seen).max()


def test_the_page_shows_the_newest_frames_until_the_stream_ends(
    recognizer: VideoRecognizer,
    serve: Callable[[float], Server],
    free_port: int,
    capfd: pytest.CaptureFixture[str],
) -> None:
    server = serve(4.0)
    found: list[LiveOutcome] = []
    run = threading.Thread(
        target=lambda: found.append(
            live_demo(recognizer, server.url, port=free_port, window_sec=0.5, explainer=SLOW)
        )
    )
    run.start()
    while not server.sent:
        time.sleep(0.02)
    with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/") as page:
        assert b"<img src=stream" in page.read()
    came, late = [], []
    with urllib.request.urlopen(f"http://localhost:{free_port}/stream", timeout=60) as stream:
        while time.monotonic() < server.sent[0] + 3.5:
            assert stream.readline() == b"--frame\r\n"
            stream.readline()
            length = int(stream.readline().split()[1])
            stream.readline()
            image = cv2.imdecode(np.frombuffer(stream.read(length), np.uint8), cv2.IMREAD_COLOR)
            stream.readline()
            came.append(time.monotonic())
            late.append(came[-1] - server.sent[number_of(image)])
    run.join(timeout=120)
    [outcome] = found
    assert outcome.read - outcome.shown > outcome.shown > 2
    assert 0 < outcome.mean_sec <= outcome.most_sec
    # From being sent to being seen a few pictures pass, however long each takes, and no queue.
    assert max(late[len(late) // 2 :]) < 1 + 3 * np.diff(came).max()
    assert "shows it; Ctrl-C ends it" in capfd.readouterr().out


def test_what_gives_no_frames_gets_one_line(
    recognizer: VideoRecognizer, free_port: int, tmp_path: Path
) -> None:
    nowhere = f"http://user:secret@127.0.0.1:{free_port}/"
    with pytest.raises(DataError, match=r"video 'http://127.*refused") as raised:
        live_demo(recognizer, nowhere, out=tmp_path / "film.mp4")
    assert "secret" not in str(raised.value)
    with pytest.raises(ConfigError, match=r"film\.avi: of a camera or stream, expected a file"):
        live_demo(recognizer, nowhere, out=tmp_path / "film.avi")
    with pytest.raises(DataError, match="camera 99 can't be opened"):
        live_demo(recognizer, "99", port=0)
    assert not list(tmp_path.iterdir())
