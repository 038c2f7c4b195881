"""A real server process, real uploads."""

from __future__ import annotations

import shutil
import socket
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmaction.inference import VideoRecognizer
from tests.frame_fixtures import write_film

httpx = pytest.importorskip("httpx")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds at ten frames a second."""
    return write_film(tmp_path_factory.mktemp("film") / "film.mp4", 30, step=8)


@pytest.fixture(autouse=True)
def _nothing_stays(server: Any) -> Any:
    yield
    assert server.alive()
    deadline = time.monotonic() + 120
    while server.leftovers() and time.monotonic() < deadline:
        time.sleep(0.1)  # of requests whose clients have left
    assert server.leftovers() == []


def assert_close(answer: dict[str, Any], expected: dict[str, Any]) -> None:
    assert answer.keys() == expected.keys()
    for key, value in expected.items():
        if key == "probabilities":
            assert answer[key] == pytest.approx(value, abs=1e-5)
        elif isinstance(value, list):
            np.testing.assert_allclose(answer[key], value, atol=1e-5)
        else:
            assert answer[key] == value


def test_answers_as_the_model_does(server: Any, recognizer: VideoRecognizer, film: Path) -> None:
    answer = server.post(film).json()
    assert_close(answer, recognizer(film).as_dict())
    explained = server.post(film, params={"explain": True, "window_sec": 0.8}).json()
    parts = explained.pop("parts")
    assert_close(explained, recognizer(film, explain=True).as_dict())
    expected = list(recognizer.windows(film, window_sec=0.8, explain=True))
    assert len(parts) == len(expected) == 4
    for part, own in zip(parts, expected, strict=True):
        assert_close(part, own.as_dict())


def test_says_what_it_is(server: Any, film: Path) -> None:
    assert httpx.get(server.url + "health", timeout=120).json()["classes"] == [
        "bend",
        "jack",
        "wave",
    ]
    described = httpx.get(server.url + "openapi.json", timeout=120).json()
    assert {"/predict", "/page", "/health", "/metrics"} <= described["paths"].keys()
    server.post(film)
    metrics = httpx.get(server.url + "metrics", timeout=120).text
    assert 'st_abn_requests_total{path="/predict",status="200"}' in metrics
    assert "st_abn_batch_clips_count" in metrics


def test_bad_uploads_get_one_line(server: Any, film: Path, tmp_path: Path) -> None:
    executable = tmp_path / "program.mp4"
    shutil.copy(sys.executable, executable)
    executable.write_bytes(executable.read_bytes()[:500_000])
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
    cut = film.read_bytes()
    large = write_film(tmp_path / "large.mp4", 2, width=1280, height=720)
    long = write_film(tmp_path / "long.mp4", 210)
    sound = b"RIFF$\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0@\x1f\0\0@\x1f\0\0\1\0\x08\0data\0\0\0\0"
    for given, status, said in (
        (executable, 415, "no video"),
        (playlist, 415, "no video"),
        (sound, 415, "no video"),
        (b"", 415, "no video"),
        (cut[: len(cut) // 2], 415, "cut short"),
        (large, 422, "921600 pixels"),
        (long, 422, "21.0 s long"),
        (bytes(2 << 20), 413, "at most 1 MiB"),
        (write_film(tmp_path / "a.avi", 5, codec="ffv1"), 415, "codec ffv1"),
    ):
        answer = server.post(given)
        assert answer.status_code == status, (given[:20], answer.text)
        assert said in answer.json()["detail"]
        assert "\n" not in answer.text
        assert str(server.temporary) not in answer.text
    many = server.post(write_film(tmp_path / "many.mp4", 40), params={"window_sec": 0.1})
    assert many.status_code == 422
    assert server.post(film, params={"window_sec": "no"}).status_code == 422
    assert (
        "field required" in httpx.post(server.url + "predict", timeout=120).json()["detail"].lower()
    )


def chunked(server: Any, *, seconds: float, size: int) -> bytes:
    """What the server says to a body of pieces of this size, one every so many seconds."""
    port = int(server.url.rstrip("/").rpartition(":")[2])
    head = (
        f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nTransfer-Encoding: chunked\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    first = b'--x\r\nContent-Disposition: form-data; name="video"; filename="a"\r\n\r\n'
    with socket.create_connection(("127.0.0.1", port), timeout=120) as s:
        s.sendall(head.encode())
        s.setblocking(False)
        deadline = time.monotonic() + 30
        piece = first
        while time.monotonic() < deadline:
            with suppress(BlockingIOError):
                s.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            time.sleep(seconds)
            try:
                return s.recv(1 << 16)
            except BlockingIOError:
                piece = b"0" * size
    raise TimeoutError


def test_slow_and_endless_uploads_end(server: Any) -> None:
    assert b" 408 " in chunked(server, seconds=0.2, size=1)
    assert b" 413 " in chunked(server, seconds=0.001, size=1 << 14)


def test_who_leaves_leaves_nothing(server: Any, film: Path) -> None:
    port = int(server.url.rstrip("/").rpartition(":")[2])
    content = film.read_bytes()
    request = httpx.Request("POST", server.url + "predict", files={"video": content})
    head = "".join(f"{key}: {value}\r\n" for key, value in request.headers.items())
    whole = f"POST /predict HTTP/1.1\r\n{head}\r\n".encode() + request.read()
    for part in (whole[:100], whole[: len(whole) // 2], whole):
        with socket.create_connection(("127.0.0.1", port), timeout=120) as s:
            s.sendall(part)
    time.sleep(0.5)  # for the last one to be taken up


def test_twenty_at_a_time(server: Any, recognizer: VideoRecognizer, film: Path) -> None:
    expected = recognizer(film).as_dict()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(server.post, [film] * 20))
    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert_close(answer.json(), expected)


def test_fifty_at_a_time_are_answered_or_sent_away(server: Any, film: Path) -> None:
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(server.post, [film] * 50))
    counts = Counter(answer.status_code for answer in answers)
    assert counts.keys() <= {200, 429}
    assert counts[200] >= 20
    for answer in answers:
        if answer.status_code == 429:
            assert int(answer.headers["retry-after"]) > 0
            assert "try again" in answer.json()["detail"]


def test_a_token_is_made_for_other_machines(guarded: Any, film: Path) -> None:
    server = guarded
    assert len(server.token) > 20
    for headers in ({}, {"Authorization": "Bearer no"}, {"Authorization": server.token}):
        answer = server.post(film, headers=headers)
        assert answer.status_code == 401
        assert answer.json() == {"detail": "token missing or wrong"}
    assert httpx.get(server.url + "metrics", timeout=120).status_code == 401
    assert server.alive()
    right = server.post(film, headers={"Authorization": f"Bearer {server.token}"})
    assert right.status_code == 200


def test_another_sites_name_leads_nowhere(server: Any) -> None:
    answer = httpx.get(server.url, timeout=120, headers={"Host": "evil.example"})
    assert answer.status_code == 400


def test_mistakes_of_the_command(run_tool: Any, tiny_checkpoint: Path, server: Any) -> None:
    port = server.url.rstrip("/").rpartition(":")[2]
    assert (
        "can't listen"
        in run_tool("serve", tiny_checkpoint, "--backend", "eager", "--port", port).error
    )
    assert "parallel=0" in run_tool("serve", tiny_checkpoint, "--parallel", 0).error
    assert "no such file" in run_tool("serve", "nowhere.pth").error
