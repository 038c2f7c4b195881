"""What a camera or stream shows right now, as a page or a film."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np

from mmaction.engine.signals import StopSignals
from mmaction.errors import ConfigError, DataError
from mmaction.explain.records import ATTENTION
from mmaction.files import require_writable
from mmaction.inference import VideoRecognizer
from mmaction.inference.film import Timeline, draw, new_film
from mmaction.inference.live import LiveFrames
from mmaction.inference.windows import check_lengths

HOST = "127.0.0.1"
PAGE = b"""<!doctype html><title>ST-ABN</title><style>body{margin:0;background:#111}
img{width:100vw;height:100vh;object-fit:contain}</style><img src=stream alt="what is seen">"""
Show = Callable[[np.ndarray, float], None]


@dataclass(frozen=True)
class LiveOutcome:
    """How it went.

    Attributes:
        read: Frames that came.
        shown: Those of them that were shown; the others were dropped.
        mean_sec: From a frame's coming to its being shown, on average.
        most_sec: Likewise, the longest.
        problem: Why the source ended; empty: it just did, or a signal ended it.
    """

    read: int
    shown: int
    mean_sec: float
    most_sec: float
    problem: str


def live_demo(
    recognizer: VideoRecognizer,
    source: str,
    *,
    out: Path | None = None,
    port: int = 8000,
    window_sec: float = 2.0,
    explainer: str = ATTENTION,
) -> LiveOutcome:
    """Recognizes the last seconds again and again, each time up to the newest frame.

    What comes meanwhile is dropped, so that no picture is older than it takes to recognize it. A
    first Ctrl-C, or SIGTERM, ends it in good order.

    Args:
        recognizer: From ``load``.
        source: As of ``LiveFrames``.
        out: A film, ``.mp4``; None: a page of this machine.
        port: Of the page; 0: a free one.
        window_sec: How much is looked at.
        explainer: What makes the maps.

    Raises:
        ConfigError: ``out``, ``port`` or a length that can't be.
        UserError: Nothing comes from the source, or the network has no attention.
    """
    check_lengths(window_sec=window_sec)
    signals, shown, total_sec, most_sec, last = StopSignals(), 0, 0.0, 0.0, -math.inf
    most = 2 * recognizer.network.clip_len
    with (
        signals.noted(),
        _page(port) if out is None else _film(out) as show,
        LiveFrames(source, window_sec=window_sec, most=most) as frames,
    ):
        while not signals.received:
            ended = frames.ended
            shots = frames.window(after=last)
            if not shots and ended:
                break
            if not shots:
                continue
            last = shots[-1].time
            answer = recognizer([shot.pixels for shot in shots], explain=explainer)
            note = f"{time.monotonic() - last:.2f} s late"
            show(draw(shots[-1].pixels, len(shots) - 1, Timeline([answer]), note=note), last)
            delay = time.monotonic() - last
            shown, total_sec, most_sec = shown + 1, total_sec + delay, max(most_sec, delay)
        if not shown:
            raise DataError(frames.problem or f"{frames.name}: no frame came")
    return LiveOutcome(frames.read, shown, total_sec / shown, most_sec, frames.problem)


@contextmanager
def _film(out: Path) -> Iterator[Show]:
    if out.suffix != ".mp4" or out.is_dir():
        raise ConfigError(f"--out {out}: of a camera or stream, expected a file .mp4")
    require_writable(out.absolute().parent, name="--out")
    first: list[tuple[float, tuple[int, ...]]] = []
    with new_film(out) as film:

        def show(picture: np.ndarray, now: float) -> None:
            begin, shape = (first or [(now, picture.shape)])[0]
            first[:] = [(begin, shape)]
            if picture.shape != shape:  # a film has one size
                picture = cv2.resize(picture, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
            film.write(picture, now - begin)

        yield show


@contextmanager
def _page(port: int) -> Iterator[Show]:
    """The newest picture at an address of this machine alone, as long as someone looks."""
    changed, jpeg = threading.Condition(), [b""]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Host", "").rpartition(":")[0] not in (HOST, "localhost"):
                return self.send_error(403)  # another site's name that leads here
            stream = self.path == "/stream"
            kind = "multipart/x-mixed-replace; boundary=frame" if stream else "text/html"
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            if not stream:
                self.wfile.write(PAGE)
            while stream:
                with changed:
                    changed.wait()
                    data = jpeg[0]
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}"
                try:
                    self.wfile.write(head.encode() + b"\r\n\r\n" + data + b"\r\n")
                except OSError:  # nobody looks any more
                    return None
            return None

        def log_message(self, *_: object) -> None: ...

    def show(picture: np.ndarray, now: float) -> None:
        _, data = cv2.imencode(".jpg", picture[..., ::-1])
        with changed:
            jpeg[0] = data.tobytes()
            changed.notify_all()

    try:
        server = ThreadingHTTPServer((HOST, port), Handler)
    except OSError as e:
        raise ConfigError(f"--port {port} can't be listened at: {e.strerror}") from e
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"http://{HOST}:{server.server_port}/ shows it; Ctrl-C ends it", flush=True)
        try:
            yield show
        finally:
            server.shutdown()
