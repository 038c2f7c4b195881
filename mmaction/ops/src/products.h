/* Matrix products in float32: c = a·b, with what a layer does to its result done before it leaves the
   processor.

   b is copied into panels of a few columns, so that it is read in order; a is read where it lies, or
   packed where the numbers of a row are far apart (after Goto & van de Geijn, Anatomy of
   high-performance matrix multiplication, 2008). A number of c is summed in the order of the depth,
   DEPTH_BLOCK numbers at a time, whatever lies around it and whoever computes it: neither threads nor
   the number of rows change a bit of it. */

#ifndef MMACTION_PRODUCTS_H
#define MMACTION_PRODUCTS_H

#include <Python.h>
#include <string.h>
#include "threads.h"
#include "vectors.h"

/* A task's columns of b, DEPTH_BLOCK deep, fill a quarter of a MiB, so that they stay in a core's own
   cache while its rows pass by; so do the numbers of c that it adds to. */
enum {
    DEPTH_BLOCK = 256,
    TASK_COLS = 256,
    FEW_ROWS = 96, /* with fewer, copying b would count */
    FEW_PACKED_ROWS = 48, /* the same of rows that are packed */
    MANY_ROWS = 1024,
    PACKED_ROWS = 144,
    LINE = 16, /* numbers of a cache line */
    ROWS_UNIT = 24, /* whole tiles of any kind */
    COLS_UNIT = 32,
};

/* Steps are counted in numbers, not bytes. Of a_row and a_depth one is 1, so of b_depth and b_col. */
typedef struct {
    Py_ssize_t batches, rows, cols, depth;
    const float* a;
    Py_ssize_t a_batch, a_row, a_depth;
    const float* b;
    Py_ssize_t b_batch, b_depth, b_col;
    float* c;
    Py_ssize_t c_batch, c_row;
    const float* bias;  /* one number a column, or NULL */
    const float* other; /* a matrix like c to be added, or NULL */
    Py_ssize_t other_row;
    int onto; /* add to what c holds */
    int relu;
    Py_ssize_t task_rows, task_cols;
    int threads;
} Product;

/* What one task computes. */
typedef struct {
    Py_ssize_t batch, row, rows, col, cols;
} Part;

/* A few rows by a few columns of that, from one block of the depth. */
typedef struct {
    const float *a, *panel;
    Py_ssize_t depth;
    float* c;
    const float *bias, *other; /* as in Product, or NULL before the last block */
    int onto, relu;
    const float* soon; /* what is copied next, read in lines soon_step apart */
    Py_ssize_t soon_step;
} Tile;

static Py_ssize_t parts_of(Py_ssize_t whole, Py_ssize_t part) { return (whole + part - 1) / part; }
static Py_ssize_t larger(Py_ssize_t x, Py_ssize_t y) { return x > y ? x : y; }

static Part part_of(const Product* p, Py_ssize_t index)
{
    const Py_ssize_t across = parts_of(p->cols, p->task_cols), down = parts_of(p->rows, p->task_rows);
    Part part;
    part.row = index % down * p->task_rows;
    part.col = index / down % across * p->task_cols;
    part.batch = index / down / across;
    part.rows = smaller(p->task_rows, p->rows - part.row);
    part.cols = smaller(p->task_cols, p->cols - part.col);
    return part;
}

static const float* b_of(const Product* p, Part part, Py_ssize_t depth)
{
    return p->b + part.batch * p->b_batch + depth * p->b_depth + part.col * p->b_col;
}

#if HAS_KERNELS
#pragma GCC push_options
#pragma GCC target("avx512f,avx2,fma")
#define NAMED(name) name##_512
#define VECTOR 64
#define TILE_ROWS 8
#define LOWER {0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23}
#define UPPER {8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31}
#include "product_kernel.h"
#undef NAMED
#undef VECTOR
#undef TILE_ROWS
#undef LOWER
#undef UPPER
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define NAMED(name) name##_256
#define VECTOR 32
#define TILE_ROWS 6
#define LOWER {0, 8, 1, 9, 2, 10, 3, 11}
#define UPPER {4, 12, 5, 13, 6, 14, 7, 15}
#include "product_kernel.h"
#undef NAMED
#undef VECTOR
#undef TILE_ROWS
#undef LOWER
#undef UPPER
#pragma GCC pop_options
#endif

/* With vectors of so many bytes, 64 or 32, which the machine must have. */
static void multiply(Product* p, int threads, int bytes)
{
#if HAS_KERNELS
    /* A few tasks for each thread, so that none waits long for another at the end. */
    const int packs = p->a_depth != 1;
    const Py_ssize_t wanted = (packs ? 2 : 4) * threads, most = packs ? PACKED_ROWS : MANY_ROWS;
    p->threads = threads;
    p->task_cols = smaller(TASK_COLS, p->cols);
    const Py_ssize_t across = p->batches * parts_of(p->cols, p->task_cols);
    const Py_ssize_t most_chunks = larger(1, p->rows / (packs ? FEW_PACKED_ROWS : FEW_ROWS));
    const Py_ssize_t chunks =
        larger(parts_of(p->rows, most), smaller(most_chunks, parts_of(wanted, across)));
    p->task_rows = ROWS_UNIT * parts_of(parts_of(p->rows, chunks), ROWS_UNIT);
    while (p->task_cols > COLS_UNIT && p->task_cols % (2 * COLS_UNIT) == 0 &&
           p->batches * parts_of(p->rows, p->task_rows) * parts_of(p->cols, p->task_cols) < wanted)
        p->task_cols /= 2;
    const Py_ssize_t tasks =
        p->batches * parts_of(p->rows, p->task_rows) * parts_of(p->cols, p->task_cols);
    share_tasks(bytes == 64 ? task_512 : task_256, p, tasks, threads);
#endif
}

#endif
