import itertools
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaction.ops import HAS_EXTENSION, affine, affine_clips, affine_clips_torch

needs_extension = pytest.mark.skipif(not HAS_EXTENSION, reason="mmaction.ops was not compiled")
# The public function picks the compiled kernel where there is one; both have to pass everything.
IMPLEMENTATIONS = [
    pytest.param(affine_clips, marks=needs_extension, id="compiled"),
    pytest.param(affine_clips_torch, id="torch"),
]


def random_input(
    seed: int, clips: int = 2, frames: int = 3, height: int = 5, width: int = 7
) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (clips, frames, height, width, 3), dtype=np.uint8)
    matrix = rng.normal(size=(clips, 3, 4)).astype(np.float32)
    return torch.from_numpy(pixels), torch.from_numpy(matrix)


def pixel_by_pixel(clips: torch.Tensor, matrix: torch.Tensor) -> np.ndarray:
    """The definition, one float32 step at a time."""
    pixels, m = clips.numpy(), matrix.numpy()
    count, frames, height, width, _ = pixels.shape
    out = np.empty((count, 3, frames, height, width), dtype=np.float32)
    for n, c, t, y, x in itertools.product(*map(range, out.shape)):
        red, green, blue = pixels[n, t, y, x].astype(np.float32)
        out[n, c, t, y, x] = ((red * m[n, c, 0] + green * m[n, c, 1]) + blue * m[n, c, 2]) + m[
            n, c, 3
        ]
    return out


@pytest.mark.parametrize("function", IMPLEMENTATIONS)
@settings(max_examples=25, deadline=None)
@given(
    clips=st.integers(0, 3),
    frames=st.integers(1, 4),
    height=st.integers(1, 6),
    width=st.integers(1, 9),
    seed=st.integers(0, 2**32 - 1),
)
def test_equals_the_definition_bit_for_bit(function, clips, frames, height, width, seed):
    pixels, matrix = random_input(seed, clips, frames, height, width)
    out = function(pixels, matrix)
    assert out.shape == (clips, 3, frames, height, width)
    assert out.dtype == torch.float32
    assert out.is_contiguous(memory_format=torch.channels_last_3d)
    np.testing.assert_array_equal(out.numpy(), pixel_by_pixel(pixels, matrix))


@needs_extension
# Around the 512 pixels that the kernel takes at once, and far from them.
@pytest.mark.parametrize(
    ("height", "width"), [(1, 511), (1, 512), (1, 513), (31, 37), (32, 33), (112, 112)]
)
def test_both_implementations_agree_bit_for_bit(height, width):
    clips, matrix = random_input(1, 2, 4, height, width)
    compiled = affine_clips(clips, matrix)
    plain = affine_clips_torch(clips, matrix)
    assert torch.equal(compiled, plain)
    assert compiled.stride() == plain.stride()


@needs_extension
@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_the_number_of_threads_changes_nothing(monkeypatch, threads):
    clips, matrix = random_input(2, clips=2, frames=5, height=40, width=30)
    monkeypatch.setattr(affine, "PIXELS_PER_THREAD", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    running = threading.active_count()
    out = affine_clips(clips, matrix)
    assert torch.equal(out, affine_clips_torch(clips, matrix))
    assert threading.active_count() == running


@pytest.mark.parametrize("function", IMPLEMENTATIONS)
def test_normalises_like_mean_and_std(function):
    clips, _ = random_input(3)
    mean, std = torch.tensor([123.675, 116.28, 103.53]), torch.tensor([58.395, 57.12, 57.375])
    matrix = torch.cat([torch.diag(1 / std), (-mean / std)[:, None]], dim=1).expand(2, 3, 4)
    expected = ((clips.double() - mean) / std).movedim(-1, 1).float()
    torch.testing.assert_close(function(clips, matrix), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("function", IMPLEMENTATIONS)
def test_takes_any_strides(function):
    clips, matrix = random_input(4, clips=4, frames=6, height=8, width=8)
    views = clips.transpose(2, 3)[::2, 1::2, :, 2:7]
    rows = matrix[::2]
    assert not views.is_contiguous()
    out = function(views, rows)
    np.testing.assert_array_equal(out.numpy(), pixel_by_pixel(views, rows))


@pytest.mark.parametrize("function", IMPLEMENTATIONS)
@pytest.mark.parametrize("empty", ["clips", "frames", "height", "width"])
def test_nothing_in_nothing_out(function, empty):
    clips, matrix = random_input(5, **{empty: 0})
    out = function(clips, matrix)
    count, frames, height, width, _ = clips.shape
    assert out.shape == (count, 3, frames, height, width)


@pytest.mark.parametrize("function", IMPLEMENTATIONS)
def test_leaves_its_input_alone_and_carries_no_gradient(function):
    clips, matrix = random_input(6)
    before = clips.clone()
    out = function(clips, matrix.requires_grad_())
    assert torch.equal(clips, before)
    assert not out.requires_grad


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_computes_the_same():
    clips, matrix = random_input(7, frames=8, height=56, width=56)
    out = affine_clips(clips.cuda(), matrix.cuda())
    assert out.is_cuda
    assert torch.equal(out.cpu(), affine_clips_torch(clips, matrix))


@pytest.mark.parametrize("function", [affine_clips, affine_clips_torch])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c, m: (c.float(), m), "clips must be uint8 N×T×H×W×3, not float32 2×3×5×7×3"),
        (lambda c, m: (c[0], m), "not uint8 3×5×7×3"),
        (lambda c, m: (c[..., :2], m), "not uint8 2×3×5×7×2"),
        (lambda c, m: (c, m.double()), "matrix must be float32 2×3×4, not float64 2×3×4"),
        (lambda c, m: (c, m[:1]), "not float32 1×3×4"),
        (lambda c, m: (c, m[..., :3]), "not float32 2×3×3"),
        (lambda c, m: (c, m.to("meta")), "matrix is on meta, clips are on cpu"),
    ],
)
def test_says_what_is_wrong_with_the_input(function, change, message):
    with pytest.raises(ValueError, match=message):
        function(*change(*random_input(8)))


def test_the_fallback_is_used_and_announced_where_nothing_was_compiled(monkeypatch):
    clips, matrix = random_input(10)
    monkeypatch.setattr(affine, "HAS_EXTENSION", False)
    with pytest.warns(UserWarning, match="without its compiled kernel"):
        out = affine_clips(clips, matrix)
    assert torch.equal(out, affine_clips_torch(clips, matrix))
