"""What the network's convolutions take by its own ways, beside torch's, layer by layer.

    python benchmarks/convolutions.py [--size r50] [--rounds 9] [--threads N]

For each kind of layer that ST-ABN has (``model_speed.py`` has the sizes): ms of ``nn.Conv3d`` and
of ``FastConv3d``, both with the channels innermost: forward without gradients; with a bias, a ReLU
and what a fused network keeps (torch's ReLU in place); forward and backward. Ratios are medians
over rounds, in which all take turns. "Off by": root mean square error of each in float32 against
float64, in millionths of the result's root mean square.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from model_speed import CLASSES, DEFAULT, SIZES, Row
from timing import interleaved_ms, median_ratio, print_table, report_machine
from torch import Tensor, nn

from mmaction.engine.memory import keep_freed_memory
from mmaction.models.convolution import WIDE, FastConv3d

Layer = tuple[tuple[int, ...], int, tuple[int, ...], tuple[int, ...]]


def layers(size_name: str) -> Counter[Layer]:
    """Input's shape, channels out, kernel and stride of each wide convolution, and how many."""
    size = SIZES[size_name]
    found: Counter[Layer] = Counter()

    def note(conv: nn.Module, inputs: tuple[Tensor], _: Tensor) -> None:
        assert isinstance(conv, nn.Conv3d)
        if min(conv.in_channels, conv.out_channels) >= WIDE:
            shape = tuple(inputs[0].shape)
            found[shape, conv.out_channels, conv.kernel_size, conv.stride] += 1

    with torch.device("meta"):
        model = Row(**{**DEFAULT, "concatenate": True}).model(size).eval()
        for module in model.modules():
            if isinstance(module, FastConv3d):
                module.register_forward_hook(note)
        model(torch.empty(size.batch, 3, size.frames, size.pixels, size.pixels))
    return found


def rows_of(layer: Layer) -> tuple[dict[str, Callable[[], object]], list[str]]:
    shape, out_channels, kernel, stride = layer
    torch.manual_seed(0)
    padding = tuple(k // 2 for k in kernel)
    settings: Any = dict(kernel_size=kernel, stride=stride, padding=padding)

    def pair(bias: bool) -> tuple[nn.Conv3d, FastConv3d]:
        plain, ours = (
            of(shape[1], out_channels, bias=bias, **settings) for of in (nn.Conv3d, FastConv3d)
        )
        plain.load_state_dict(ours.state_dict())
        return plain.to(memory_format=torch.channels_last_3d), ours

    (plain, ours), (plain_bias, kept) = pair(False), pair(True)
    kept.requires_grad_(False).keep_factors()
    x = torch.randn(shape).relu_().to(memory_format=torch.channels_last_3d)
    with torch.no_grad():
        gradient = torch.randn_like(plain(x))
        exact = nn.functional.conv3d(
            x[:, :, :3].double(), kept.weight.double(), kept.bias.double(), stride, padding
        )[:, :, :2]

    def forward(conv: nn.Module) -> Callable[[], object]:
        return torch.no_grad()(lambda: conv(x))

    def both(conv: nn.Module) -> Callable[[], object]:
        leaf = x.clone(memory_format=torch.preserve_format).requires_grad_()
        inputs = (leaf, *conv.parameters())
        return lambda: torch.autograd.grad(conv(leaf), inputs, gradient)

    def off(y: Tensor) -> str:
        error = (y[:, :, :2] - exact).square().mean() / exact.square().mean()
        return f"{1e6 * error.sqrt().item():.2f}"

    with torch.no_grad():
        errors = [off(plain_bias(x)), off(kept.infer(x))]
    runs = {
        "torch forward": forward(plain),
        "ours forward": forward(ours),
        "torch ReLU": torch.no_grad()(lambda: plain_bias(x).relu_()),
        "kept ReLU": torch.no_grad()(lambda: kept.infer(x, relu=True)),
        "torch both": both(plain),
        "ours both": both(ours),
    }
    return runs, errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=("r50", "r50x4", "r18", "tiny"), default="r50")
    parser.add_argument("--rounds", type=int, default=9, help="to take the median of")
    parser.add_argument("--threads", type=int, help="of torch (default: its own choice)")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    keep_freed_memory()  # as a run does
    report_machine()
    print(f"ST-ABN {args.size}, {CLASSES} classes, float32; {args.rounds} rounds")
    table = []
    totals = Counter[str]()
    for layer, count in layers(args.size).items():
        shape, out_channels, kernel, stride = layer
        runs, errors = rows_of(layer)
        times = interleaved_ms(runs, rounds=args.rounds)
        totals.update({name: count * median(ms) for name, ms in times.items()})
        name = f"{count} × {'×'.join(map(str, kernel))}"
        name += f" /{stride[1]}" if stride[1] > 1 else ""
        cells = [name, "×".join(map(str, shape)), str(out_channels)]
        for of_torch, of_ours in (
            ("torch forward", "ours forward"),
            ("torch ReLU", "kept ReLU"),
            ("torch both", "ours both"),
        ):
            ratio = median_ratio(times[of_torch], times[of_ours])
            cells += [f"{median(times[of_ours]):.2f}", f"{ratio:.2f}"]
        table.append([*cells, *errors])
    sums = ["all", "", ""]
    for of_torch, of_ours in (
        ("torch forward", "ours forward"),
        ("torch ReLU", "kept ReLU"),
        ("torch both", "ours both"),
    ):
        sums += [f"{totals[of_ours]:.0f}", f"{totals[of_torch] / totals[of_ours]:.2f}"]
    header = ["kernel", "input", "out", "forward ms", "×", "kept, ReLU ms", "×", "both ms", "×"]
    print_table([*header, "torch off by", "ours"], [*table, [*sums, "", ""]])


if __name__ == "__main__":
    main()
