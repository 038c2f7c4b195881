"""A page to try a model on, and an HTTP interface: one video in, classes, where and when out.

python tools/serve.py epoch_12.pth --port 8000
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the checkout's own package

from mmaction.cli import ArgumentParser, add_backend_options, add_model_options, run_command
from mmaction.serving.limits import Limits

TOKEN = "ST_ABN_TOKEN"
LIMITS = (
    ("--max-megabytes", "megabytes", float, "of an upload"),
    ("--max-seconds", "seconds", float, "of a video"),
    ("--max-pixels", "pixels", int, "of a frame"),
    ("--upload-seconds", "upload_seconds", float, "that an upload may take"),
    ("--decode-seconds", "decode_seconds", float, "that decoding may take"),
    ("--decode-megabytes", "decode_megabytes", float, "of memory that decoding may take"),
    ("--parallel", "parallel", int, "requests at a time, more get 429"),
    ("--decoders", "decoders", int, "videos decoded at a time"),
    ("--batch-size", "batch_size", int, "clips that go through the network at once"),
)


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    add_model_options(parser)
    add_backend_options(parser)
    parser.add_argument("--host", default="127.0.0.1", help="default: this machine alone")
    parser.add_argument("--port", type=int, default=8000, help="default: 8000; 0: a free one")
    parser.add_argument(
        "--token", help=f"requests must show it; or set {TOKEN}, which ps can't see"
    )
    for option, name, kind, what in LIMITS:
        default = getattr(Limits, name)
        parser.add_argument(
            option, dest=name, type=kind, default=default, help=f"{what} (default {default:g})"
        )
    parser.add_argument("--codecs", nargs="+", default=Limits.codecs, help="of videos")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    given = {name: getattr(args, name) for _, name, _, _ in LIMITS}
    limits = Limits(codecs=tuple(args.codecs), **given)
    from mmaction.apis.recognizer import load_with_backend
    from mmaction.serving.server import serve

    recognizer, title = load_with_backend(
        args.model,
        explainer=args.explainer,
        backend=args.backend,
        precision=args.precision,
        config=args.config,
        device=args.device,
        trust=args.trust,
    )
    print(f"backend {title}", flush=True)
    serve(
        recognizer,
        model=Path(args.model).name,
        limits=limits,
        host=args.host,
        port=args.port,
        token=args.token or os.environ.get(TOKEN) or None,
        explainer=args.explainer,
    )
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
