"""How long a server's answers take at a stated load.

    python benchmarks/serving.py [--size r50] [--clients 1,4] [--requests 40]

Starts ``st-abn serve`` with ST-ABN of random weights. Each client posts the same video to /predict,
64 frames of 340×256 in H.264, again as soon as it has its answer. Server and clients share the
machine.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import torch
from data_loading import REAL_VIDEO, write_video
from deployment import FRAMES, recognizer_of
from model_speed import SIZES
from timing import print_table, report_machine

from mmaction.checkpoint.description import META_KEY
from mmaction.datasets.sources.video import read_frames

SERVE = Path(__file__).resolve().parents[1] / "tools/serve.py"


def measured(url: str, video: bytes, *, clients: int, requests: int) -> list[str]:
    """A row of the table."""

    def post(client: httpx.Client) -> list[float]:
        took = []
        for _ in range(requests // clients):
            begun = time.perf_counter()
            client.post(url, files={"video": video}).raise_for_status()
            took.append(time.perf_counter() - begun)
        return took

    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        parts = list(pool.map(post, [httpx.Client(timeout=600) for _ in range(clients)]))
    times = [seconds for part in parts for seconds in part]
    p50, p95 = np.percentile(times, (50, 95))
    rate = len(times) / (time.perf_counter() - begun)
    return [str(clients), str(len(times)), f"{p50:.2f}", f"{p95:.2f}", f"{rate:.1f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="r50", help="default: %(default)s")
    parser.add_argument("--clients", default="1,4", help="at a time; default: %(default)s")
    parser.add_argument("--requests", type=int, default=40, help="of all clients together")
    parser.add_argument("--video", type=Path, default=REAL_VIDEO, help="whose frames are taken")
    args = parser.parse_args()
    report_machine()
    size = SIZES[args.size]
    with tempfile.TemporaryDirectory() as folder:
        model, film = Path(folder) / "model.pth", Path(folder) / "film.mp4"
        recognizer = recognizer_of(size)
        meta = {META_KEY: recognizer.description.as_text()}
        torch.save({"state_dict": recognizer.network.state_dict(), "meta": meta}, model)
        write_video(film, read_frames(args.video, range(FRAMES)))
        command = [sys.executable, str(SERVE), str(model), "--port", "0"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        print(f"ST-ABN R{size.depth}, clips of {size.frames}×{size.pixels}²")
        print(server.stdout.readline().strip())
        url = server.stdout.readline().split(" at ")[1].strip() + "predict"
        measured(url, film.read_bytes(), clients=1, requests=2)
        rows = [
            measured(url, film.read_bytes(), clients=int(clients), requests=args.requests)
            for clients in args.clients.split(",")
        ]
        server.terminate()
        server.wait()
    print_table(["clients", "requests", "p50 s", "p95 s", "answers/s"], rows)


if __name__ == "__main__":
    main()
