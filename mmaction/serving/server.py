"""Runs the interface at an address."""

from __future__ import annotations

import ipaddress
import secrets
import signal
import socket
import sys
from typing import Any

from mmaction.errors import ConfigError
from mmaction.inference import VideoRecognizer
from mmaction.serving.limits import Limits

MOST_CONNECTIONS = 500
IDLE_SECONDS, GOODBYE_SECONDS = 5, 10


def serve(
    recognizer: VideoRecognizer,
    *,
    model: str,
    limits: Limits,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    explainer: str = "attention",
) -> None:
    """Answers requests until the process is told to end; prints where.

    Args:
        recognizer: What answers.
        model: What pages call it.
        limits: Of requests.
        host: Address to listen at. Beyond this machine a token is needed: one is made and printed.
        port: 0: a free one.
        token: What requests must show.
        explainer: What makes the maps.

    Raises:
        ConfigError: The address can't be had, or FastAPI or uvicorn isn't installed.
    """
    try:
        import python_multipart  # noqa: F401  # FastAPI looks for it later
        import uvicorn

        from mmaction.serving.app import make_app
    except ImportError as e:
        raise ConfigError(f"{e.name} is missing: pip install 'st-abn[serve]'") from e
    alone = _is_this_machine(host)
    if token is None and not alone:
        token = secrets.token_urlsafe(24)
    listener = _listen(host, port)
    app = make_app(
        recognizer,
        limits=limits,
        model=model,
        token=token,
        explainer=explainer,
        hosts=("localhost", "127.0.0.1", "[::1]", host) if alone else ("*",),
    )
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=GOODBYE_SECONDS,
            server_header=False,
        )
    )
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listener.getsockname()[1]}/"
    print(f"{model} at {address}" + (f"#token={token}" if token else ""), flush=True)
    # uvicorn ends its work and then raises the signal again.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server.run(sockets=[listener])


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(host: str, port: int) -> socket.socket:
    try:
        family: Any = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=MOST_CONNECTIONS)
    except (OSError, OverflowError) as e:
        raise ConfigError(f"--host {host} --port {port}: can't listen there: {e}") from e
