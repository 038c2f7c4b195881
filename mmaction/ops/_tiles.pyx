# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The compiled half of `mmaction.ops.tiles`, which checks what arrives here."""

cdef extern from "src/tiles.h":
    ctypedef struct Tiles:
        float* pictures
        Py_ssize_t count, height, width, channels, cell_step
        float* products
        Py_ssize_t product_step
        int kind
        bint wide
        Py_ssize_t stride, before, down, across
        const float* bias
        const float* other
        bint relu

    void take_tiles(const Tiles* tiles, int threads, int vector_bytes) noexcept nogil
    void give_tiles(const Tiles* tiles, int threads, int vector_bytes) noexcept nogil


def take(
    size_t pictures, tuple shape, Py_ssize_t cell_step, size_t products, Py_ssize_t product_step,
    int kind, bint wide, Py_ssize_t stride, Py_ssize_t before, int threads, int vector_bytes,
):
    """Pictures to products, by addresses; shape is (count, height, width, channels)."""
    cdef Tiles t
    t.count, t.height, t.width, t.channels = shape
    t.pictures, t.products = <float*>pictures, <float*>products
    t.product_step, t.kind, t.wide, t.stride, t.before = product_step, kind, wide, stride, before
    t.down = (t.height + stride - 1) // stride
    t.across = (t.width + stride - 1) // stride if wide else t.width
    t.cell_step, t.bias, t.other, t.relu = cell_step, NULL, NULL, False
    with nogil:
        take_tiles(&t, threads, vector_bytes)


def give(
    size_t products, Py_ssize_t product_step, size_t pictures, tuple shape, int kind, bint wide,
    Py_ssize_t stride, size_t bias, size_t other, bint relu, int threads,
    int vector_bytes,
):
    """Products to pictures, by addresses; an address of 0 is none."""
    cdef Tiles t
    t.count, t.height, t.width, t.channels = shape
    t.pictures, t.products = <float*>pictures, <float*>products
    t.product_step, t.kind, t.wide, t.stride, t.before = product_step, kind, wide, stride, 0
    t.down = (t.height + stride - 1) // stride
    t.across = (t.width + stride - 1) // stride if wide else t.width
    t.cell_step = t.channels
    t.bias, t.other, t.relu = <const float*>bias, <const float*>other, relu
    with nogil:
        give_tiles(&t, threads, vector_bytes)
