# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The compiled half of `mmaction.ops.affine`, which checks and splits what arrives here.

Letters: F = N·T frames, T frames a clip, P = H·W pixels. Every sum is ((r·m0 + g·m1) + b·m2) + m3 in
float32, each step rounded (setup.py forbids fused multiply-adds), so that torch gives the same bits.
"""

from libc.stdint cimport uint8_t

cdef extern from *:
    """
    #include <stddef.h>
    #include <stdint.h>

    /* Built once for each kind of vector unit; the first call picks what the machine has. */
    #if defined(__x86_64__) && defined(__gnu_linux__) && __GNUC__ >= 12 && !defined(__clang__)
    #define FOR_EVERY_VECTOR_UNIT \\
        __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
    #else
    #define FOR_EVERY_VECTOR_UNIT
    #endif

    /* Pixels taken at once: their channels as floats stay in the first-level cache. */
    enum { TILE = 512 };

    #define AFFINE(row) (red[i] * (row)[0] + green[i] * (row)[1] + blue[i] * (row)[2] + (row)[3])

    /* One frame. Channels are split a tile at a time, so that the sums run over unit strides. */
    FOR_EVERY_VECTOR_UNIT static void affine_to_pixels(
        const uint8_t* restrict rgb, const float* restrict matrix, float* restrict out,
        ptrdiff_t pixels)
    {
        float red[TILE], green[TILE], blue[TILE];
        float m[12];
        for (int i = 0; i < 12; i++) m[i] = matrix[i];
        for (ptrdiff_t first = 0; first < pixels; first += TILE) {
            const ptrdiff_t left = pixels - first, count = left < TILE ? left : TILE;
            const uint8_t* restrict from = rgb + 3 * first;
            float* restrict to = out + 3 * first;
            for (ptrdiff_t i = 0; i < count; i++) {
                red[i] = from[3 * i];
                green[i] = from[3 * i + 1];
                blue[i] = from[3 * i + 2];
            }
            for (ptrdiff_t i = 0; i < count; i++) {
                to[3 * i] = AFFINE(m);
                to[3 * i + 1] = AFFINE(m + 4);
                to[3 * i + 2] = AFFINE(m + 8);
            }
        }
    }
    """
    void affine_to_pixels(
        const uint8_t* rgb, const float* matrix, float* out, Py_ssize_t pixels
    ) noexcept nogil


def frames_to_pixels(
    const uint8_t[:, :, :, ::1] clips,  # N×T×P×3
    const float[:, :, ::1] matrix,  # N×3×4
    float[:, :, :, ::1] out,  # N×T×P×3
    Py_ssize_t first,
    Py_ssize_t last,
):
    """Fill frames [first, last) of the F frames, counted over all clips, without the GIL."""
    cdef Py_ssize_t frames = clips.shape[1], pixels = clips.shape[2], frame, n, t
    with nogil:
        for frame in range(first, last):
            n = frame // frames
            t = frame % frames
            affine_to_pixels(&clips[n, t, 0, 0], &matrix[n, 0, 0], &out[n, t, 0, 0], pixels)
