"""Write a checkpoint's network for other runtimes: ONNX, OpenVINO, torch.export.

python tools/export.py epoch_12.pth model.onnx
python tools/export.py epoch_12.pth model.xml --format openvino --dynamic
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the checkout's own package

from mmaction.cli import ArgumentParser, add_model_options, run_command

FORMATS = ("onnx", "openvino", "torch-export")


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    add_model_options(parser)
    parser.add_argument("out", help="the file: .onnx, .xml (OpenVINO) or .pt2 (torch.export)")
    parser.add_argument("--format", choices=FORMATS, default="onnx", help="default: onnx")
    parser.add_argument(
        "--uint8-input",
        action="store_true",
        help="take pixels, uint8 B×T×H×W×3 RGB, and normalise them in the graph",
    )
    parser.add_argument("--dynamic", action="store_true", help="take any number of clips at once")
    parser.add_argument(
        "--precision",
        choices=("fp32", "int8"),
        default="fp32",
        help="int8: smaller and faster, less exact; --format openvino (default: fp32)",
    )
    parser.add_argument(
        "--calibration",
        nargs="+",
        default=[],
        metavar="VIDEOS",
        help="for int8: files, directories or lists of videos like those it will see",
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from mmaction.apis.export import export

    found = export(
        args.model,
        args.out,
        config=args.config,
        kind=args.format,
        uint8_input=args.uint8_input,
        dynamic=args.dynamic,
        precision=args.precision,
        calibration=args.calibration,
        trust=args.trust,
    )
    layout = found.layout
    sizes = "×".join("B" if size < 0 else str(size) for size in layout.shape)
    print(f"{found.path}: {layout.input} {layout.dtype} {sizes} ({layout.axes})")
    for name, difference in found.differences.items():
        print(f"  {name}: within {difference:.1e} of the network")
    if found.agreement is not None:
        print(f"  same class as the network's: {100 * found.agreement:.0f} % of calibration clips")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
