# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The compiled half of `mmaction.ops.affine`, which checks and splits what arrives here.

Letters: F = N·T frames, T frames a clip, P = H·W pixels. Every sum is ((r·m0 + g·m1) + b·m2) + m3 in
float32, each step rounded (setup.py forbids fused multiply-adds), so that torch gives the same bits.
"""

from libc.stdint cimport uint8_t

# Pixels taken at once: three channels of them as floats stay in the first-level cache.
cdef enum:
    TILE = 512


cdef void affine_plane(
    const float* red, const float* green, const float* blue, const float* row,
    float* out, Py_ssize_t count,
) noexcept nogil:
    cdef Py_ssize_t i
    cdef float by_red = row[0], by_green = row[1], by_blue = row[2], offset = row[3]
    for i in range(count):
        out[i] = red[i] * by_red + green[i] * by_green + blue[i] * by_blue + offset


cdef void affine_to_planes(
    const uint8_t* rgb, const float* matrix, float* out, Py_ssize_t plane_step, Py_ssize_t pixels
) noexcept nogil:
    """One frame, interleaved to planar. Channels are split a tile at a time: the sums then run over
    unit strides, which compilers vectorise on any machine."""
    cdef float red[TILE]
    cdef float green[TILE]
    cdef float blue[TILE]
    cdef Py_ssize_t tile, first, count, i, channel
    for tile in range((pixels + TILE - 1) // TILE):
        first = tile * TILE
        count = min(<Py_ssize_t>TILE, pixels - first)
        for i in range(count):
            red[i] = rgb[3 * (first + i)]
            green[i] = rgb[3 * (first + i) + 1]
            blue[i] = rgb[3 * (first + i) + 2]
        for channel in range(3):
            affine_plane(
                red, green, blue, matrix + 4 * channel, out + channel * plane_step + first, count
            )


cdef void affine_to_pixels(
    const uint8_t* rgb, const float* matrix, float* out, Py_ssize_t pixels
) noexcept nogil:
    """One frame, interleaved to interleaved."""
    cdef Py_ssize_t i
    cdef float red, green, blue
    for i in range(pixels):
        red = rgb[3 * i]
        green = rgb[3 * i + 1]
        blue = rgb[3 * i + 2]
        out[3 * i] = red * matrix[0] + green * matrix[1] + blue * matrix[2] + matrix[3]
        out[3 * i + 1] = red * matrix[4] + green * matrix[5] + blue * matrix[6] + matrix[7]
        out[3 * i + 2] = red * matrix[8] + green * matrix[9] + blue * matrix[10] + matrix[11]


def frames_to_planes(
    const uint8_t[:, :, :, ::1] clips,  # N×T×P×3
    const float[:, :, ::1] matrix,  # N×3×4
    float[:, :, :, ::1] out,  # N×3×T×P
    Py_ssize_t first,
    Py_ssize_t last,
):
    """Fill frames [first, last) of the F frames, counted over all clips, without the GIL."""
    cdef Py_ssize_t frames = clips.shape[1], pixels = clips.shape[2], frame, n, t
    with nogil:
        for frame in range(first, last):
            n = frame // frames
            t = frame % frames
            affine_to_planes(
                &clips[n, t, 0, 0], &matrix[n, 0, 0], &out[n, 0, t, 0], frames * pixels, pixels
            )


def frames_to_pixels(
    const uint8_t[:, :, :, ::1] clips,  # N×T×P×3
    const float[:, :, ::1] matrix,  # N×3×4
    float[:, :, :, ::1] out,  # N×T×P×3
    Py_ssize_t first,
    Py_ssize_t last,
):
    """Like `frames_to_planes`, the channels kept innermost."""
    cdef Py_ssize_t frames = clips.shape[1], pixels = clips.shape[2], frame, n, t
    with nogil:
        for frame in range(first, last):
            n = frame // frames
            t = frame % frames
            affine_to_pixels(&clips[n, t, 0, 0], &matrix[n, 0, 0], &out[n, t, 0, 0], pixels)
