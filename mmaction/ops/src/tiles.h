/* The two passes over memory that a convolution by Winograd's F(4, 3) has beside its matrix products:
   tiles of pictures to their products and back. Both are to = m·from with a small matrix m, or
   m·from·mᵀ where tiles are wide, for all channels. Pictures are count×height×width×channels, products
   PRODUCTS×tiles×channels, or PRODUCTS²×tiles×channels. */

#ifndef MMACTION_TILES_H
#define MMACTION_TILES_H

#include <Python.h>
#include "threads.h"
#include "vectors.h"

enum { PRODUCTS = 6 };

/* Whose matrix it is, as ops/tiles.py numbers and explains them. */
enum { CELLS, TAPS, REVERSED_TAPS, SUMS, OF_SUMS, OF_TAPS };

typedef struct {
    float* pictures;
    Py_ssize_t count, height, width, channels;
    Py_ssize_t cell_step; /* numbers from a cell to the next, at least its channels */
    float* products;
    Py_ssize_t product_step;
    int kind;
    int wide;          /* tiles have as many cells from left to right as from top to bottom; else one */
    Py_ssize_t stride; /* from a tile to the next */
    Py_ssize_t before; /* cells that the first tile begins before the edge */
    Py_ssize_t down, across; /* tiles of a picture */
    const float* bias;  /* one number a channel to be added on the way back, or NULL */
    const float* other; /* pictures to be added on the way back, or NULL */
    int relu;
} Tiles;

#if HAS_KERNELS
#pragma GCC push_options
#pragma GCC target("avx512f,avx2,fma")
#define NAMED(name) name##_512
#define VECTOR 64
#include "tile_kernel.h"
#undef NAMED
#undef VECTOR
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define NAMED(name) name##_256
#define VECTOR 32
#include "tile_kernel.h"
#undef NAMED
#undef VECTOR
#pragma GCC pop_options
#endif

/* Both with vectors of so many bytes, 64 or 32, which the machine must have. */
static void take_tiles(const Tiles* t, int threads, int bytes)
{
#if HAS_KERNELS
    share_tasks(bytes == 64 ? take_row_512 : take_row_256, t, t->count * t->down, threads);
#endif
}

static void give_tiles(const Tiles* t, int threads, int bytes)
{
#if HAS_KERNELS
    share_tasks(bytes == 64 ? give_row_512 : give_row_256, t, t->count * t->down, threads);
#endif
}

#endif
