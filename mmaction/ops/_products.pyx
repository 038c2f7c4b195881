# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The compiled half of `mmaction.ops.products`, which checks what arrives here."""

cdef extern from "src/products.h":
    ctypedef struct Product:
        Py_ssize_t batches, rows, cols, depth
        const float* a
        Py_ssize_t a_batch, a_row, a_depth
        const float* b
        Py_ssize_t b_batch, b_depth, b_col
        float* c
        Py_ssize_t c_batch, c_row
        const float* bias
        const float* other
        Py_ssize_t other_row
        bint onto, relu

    void _multiply "multiply"(Product* product, int threads, int vector_bytes) noexcept nogil
    int _vector_bytes "vector_bytes"() noexcept nogil


def widest_vector_bytes() -> int:
    """Of the machine, of those that kernels are built for; 0 where there are none."""
    return _vector_bytes()


def multiply(
    size_t a, tuple a_steps, size_t b, tuple b_steps, size_t c, tuple c_steps, tuple sizes,
    size_t bias, size_t other, Py_ssize_t other_step, bint onto, bint relu, int threads,
    int vector_bytes,
):
    """c = a·b by addresses; steps in numbers: a's (batch, row, depth), b's (batch, depth, column), c's
    (batch, row); sizes are (batches, rows, columns, depth); an address of 0 is none.
    """
    cdef Product p
    p.batches, p.rows, p.cols, p.depth = sizes
    p.a_batch, p.a_row, p.a_depth = a_steps
    p.b_batch, p.b_depth, p.b_col = b_steps
    p.c_batch, p.c_row = c_steps
    p.a, p.b, p.c = <const float*>a, <const float*>b, <float*>c
    p.bias, p.other, p.other_row = <const float*>bias, <const float*>other, other_step
    p.onto, p.relu = onto, relu
    with nogil:
        _multiply(&p, threads, vector_bytes)
