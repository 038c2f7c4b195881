from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).resolve().parents[2]


@dataclass
class Server:
    """A process of ``st-abn serve``; a test without what that needs is skipped."""

    process: subprocess.Popen[str]
    url: str
    token: str | None
    temporary: Path

    def post(self, path: Path | bytes, *, to: str = "predict", **options: Any) -> Any:
        import httpx

        content = path if isinstance(path, bytes) else path.read_bytes()
        name = "bytes.mp4" if isinstance(path, bytes) else path.name
        return httpx.post(self.url + to, files={"video": (name, content)}, timeout=120, **options)

    def leftovers(self) -> list[Path]:
        """What there is of requests in the server's temporary directory."""
        return list(self.temporary.glob("st-abn-serve-*/*")) + list(self.temporary.glob("tmp*"))

    def alive(self) -> bool:
        import httpx

        return httpx.get(self.url + "health", timeout=120).json()["status"] == "ok"


def start(checkpoint: Path, temporary: Path, *options: object) -> Server:
    for needed in ("fastapi", "uvicorn", "python_multipart", "prometheus_client", "httpx"):
        pytest.importorskip(needed)
    temporary.mkdir(exist_ok=True)
    command = [sys.executable, REPO / "tools/serve.py", checkpoint, "--port", 0]
    command += ["--backend", "eager", *options]
    environment = {"PYTHONPATH": str(REPO), "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [str(part) for part in command],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("backend torch in fp32")
    line = process.stdout.readline()
    assert " at http://" in line, line
    url, _, token = line.split(" at ")[1].strip().partition("#token=")
    return Server(process, url, token or None, temporary)


@pytest.fixture(scope="package")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """``start_server(checkpoint, options…)``; all end with the tests, and leave nothing."""
    started = []

    def start_one(checkpoint: Path, *options: object) -> Server:
        started.append(start(checkpoint, tmp_path_factory.mktemp("tmp"), *options))
        return started[-1]

    yield start_one
    for server in started:
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(120)
        assert list(server.temporary.iterdir()) == []


@pytest.fixture(scope="package")
def server(start_server: Callable[..., Server], tiny_checkpoint: Path) -> Server:
    limits = ("--max-megabytes", 1, "--max-seconds", 20, "--upload-seconds", 2)
    more = ("--max-pixels", 640 * 480, "--parallel", 20, "--decode-seconds", 20)
    return start_server(tiny_checkpoint, *limits, *more)


@pytest.fixture(scope="package")
def guarded(start_server: Callable[..., Server], tiny_checkpoint: Path) -> Server:
    """One that other machines could reach, asked from this one."""
    server = start_server(tiny_checkpoint, "--host", "0.0.0.0")
    server.url = server.url.replace("0.0.0.0", "127.0.0.1")
    return server
