/* Tiles of pictures to their products and back for one kind of vector unit; included by tiles.h, which
   says what VECTOR (bytes) and NAMED are. `kind` and `wide` are known when this is compiled. */

#include "vector_kind.h"

/* One of the matrices times x, whose numbers lie x_step apart; y's lie y_step apart. */
static inline __attribute__((always_inline)) void NAMED(line)(
    const int kind, const NAMED(Vector)* x, const int x_step, NAMED(Vector)* y, const int y_step)
{
#define X(i) x[(i) * x_step]
#define Y(i) y[(i) * y_step]
    if (kind == CELLS) { /* Bᵀ */
        const NAMED(Vector) odd = X(3) - X(1), even = X(4) - X(2);
        Y(0) = X(0) + X(4) - 2 * X(2) + 1.5f * odd;
        Y(1) = X(4) + 2.5f * X(3) + 0.5f * X(2) - X(1);
        Y(2) = X(4) + 0.5f * X(3) - 2.5f * X(2) + X(1);
        Y(3) = even + 2 * odd;
        Y(4) = even - 0.5f * odd;
        Y(5) = X(5) + X(1) - 2 * X(3) + 1.5f * even;
    } else if (kind == TAPS || kind == REVERSED_TAPS) { /* G */
        const NAMED(Vector) outer = (X(0) + X(2)) * (1 / 3.0f), inner = X(1) * (1 / 3.0f);
        Y(0) = X(0);
        Y(1) = inner + outer;
        Y(2) = inner - outer;
        Y(3) = X(0) * (-16 / 15.0f) + X(1) * (-8 / 15.0f) + X(2) * (-4 / 15.0f);
        Y(4) = X(0) * (1 / 15.0f) + X(1) * (-2 / 15.0f) + X(2) * (4 / 15.0f);
        Y(5) = X(2);
    } else if (kind == SUMS) { /* Aᵀ */
        const NAMED(Vector) sum = X(1) + X(2), difference = X(1) - X(2);
        Y(0) = X(0) + sum + X(3) + X(4);
        Y(1) = difference + 0.5f * X(3) - 2 * X(4);
        Y(2) = sum + 0.25f * X(3) + 4 * X(4);
        Y(3) = difference + 0.125f * X(3) - 8 * X(4) + X(5);
    } else if (kind == OF_SUMS) { /* A */
        const NAMED(Vector) even = X(0) + X(2), odd = X(1) + X(3);
        Y(0) = X(0);
        Y(1) = even + odd;
        Y(2) = even - odd;
        Y(3) = X(0) + 0.5f * X(1) + 0.25f * X(2) + 0.125f * X(3);
        Y(4) = X(0) - 2 * X(1) + 4 * X(2) - 8 * X(3);
        Y(5) = X(3);
    } else { /* OF_TAPS, Gᵀ */
        const NAMED(Vector) difference = (X(1) - X(2)) * (1 / 3.0f);
        Y(0) = X(0) + difference + X(3) * (-16 / 15.0f) + X(4) * (1 / 15.0f);
        Y(1) = (X(1) + X(2)) * (1 / 3.0f) + X(3) * (-8 / 15.0f) + X(4) * (-2 / 15.0f);
        Y(2) = difference + X(3) * (-4 / 15.0f) + X(4) * (4 / 15.0f) + X(5);
    }
#undef X
#undef Y
}

/* to = m·from, or m·from·mᵀ where tiles are wide, for an after×before m: each number of the tiles is a
   vector of channels. */
static inline __attribute__((always_inline)) void NAMED(transform)(
    const int kind, const int after, const int before, const int wide, const NAMED(Vector)* from,
    NAMED(Vector)* to)
{
    NAMED(Vector) half[PRODUCTS * PRODUCTS];
    if (!wide) {
        NAMED(line)(kind, from, 1, to, 1);
        return;
    }
    for (int col = 0; col < before; col++) NAMED(line)(kind, from + col, before, half + col, before);
    for (int row = 0; row < after; row++)
        NAMED(line)(kind, half + row * before, 1, to + row * after, 1);
}

/* A tile at (top, left), zeros where there is no picture, to its products. */
static inline __attribute__((always_inline)) void NAMED(take_tile)(
    const Tiles* t, const int kind, const int size, const int wide, const float* picture,
    Py_ssize_t top, Py_ssize_t left, float* products)
{
    const int across = wide ? size : 1, count = wide ? PRODUCTS * PRODUCTS : PRODUCTS;
    for (Py_ssize_t channel = 0; channel < t->channels; channel += NAMED(LANES)) {
        NAMED(Vector) cells[PRODUCTS * PRODUCTS], result[PRODUCTS * PRODUCTS];
        for (int i = 0; i < size; i++)
            for (int j = 0; j < across; j++) {
                const Py_ssize_t y = top + i, x = left + j;
                const int inside = y >= 0 && y < t->height && x >= 0 && x < t->width;
                const float* cell = picture + (y * t->width + x) * t->cell_step + channel;
                const int at = i * across + j;
                cells[kind == REVERSED_TAPS ? size * across - 1 - at : at] =
                    inside ? (NAMED(Vector))*(const NAMED(Loose)*)cell : (NAMED(Vector)){0};
            }
        NAMED(transform)(kind, PRODUCTS, size, wide, cells, result);
        for (int i = 0; i < count; i++)
            *(NAMED(Loose)*)(products + i * t->product_step + channel) = result[i];
    }
}

/* The products of a tile to its cells at (top, left), those beyond the edge left out. */
static inline __attribute__((always_inline)) void NAMED(give_tile)(
    const Tiles* t, const int kind, const int size, const int wide, const float* products,
    float* picture, const float* other, Py_ssize_t top, Py_ssize_t left)
{
    const int across = wide ? size : 1, count = wide ? PRODUCTS * PRODUCTS : PRODUCTS;
    const int rows = (int)smaller(size, t->height - top), cols = (int)smaller(across, t->width - left);
    for (Py_ssize_t channel = 0; channel < t->channels; channel += NAMED(LANES)) {
        NAMED(Vector) numbers[PRODUCTS * PRODUCTS], result[PRODUCTS * PRODUCTS];
        for (int i = 0; i < count; i++)
            numbers[i] = *(const NAMED(Loose)*)(products + i * t->product_step + channel);
        NAMED(transform)(kind, size, PRODUCTS, wide, numbers, result);
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < cols; j++) {
                const Py_ssize_t at = ((top + i) * t->width + left + j) * t->cell_step + channel;
                *(NAMED(Loose)*)(picture + at) = NAMED(last_steps)(
                    result[i * across + j], t->bias ? t->bias + channel : NULL,
                    other ? other + at : NULL, t->relu);
            }
    }
}

/* One row of tiles of one picture, there and back. */
static void NAMED(take_row)(const void* of, Py_ssize_t index)
{
    const Tiles* t = of;
    const float* picture = t->pictures + index / t->down * t->height * t->width * t->cell_step;
    const Py_ssize_t top = index % t->down * t->stride - t->before;
    for (Py_ssize_t col = 0; col < t->across; col++) {
        const Py_ssize_t left = t->wide ? col * t->stride - t->before : col;
        float* products = t->products + (index * t->across + col) * t->channels;
#define CASE(kind, size)                                                        \
    case kind:                                                                  \
        if (t->wide)                                                            \
            NAMED(take_tile)(t, kind, size, 1, picture, top, left, products);   \
        else                                                                    \
            NAMED(take_tile)(t, kind, size, 0, picture, top, left, products);   \
        break;
        switch (t->kind) { CASE(CELLS, 6) CASE(TAPS, 3) CASE(REVERSED_TAPS, 3) CASE(OF_SUMS, 4) }
#undef CASE
    }
}

static void NAMED(give_row)(const void* of, Py_ssize_t index)
{
    const Tiles* t = of;
    const Py_ssize_t first = index / t->down * t->height * t->width * t->cell_step;
    float* picture = t->pictures + first;
    const float* other = t->other ? t->other + first : NULL;
    const Py_ssize_t top = index % t->down * t->stride;
    for (Py_ssize_t col = 0; col < t->across; col++) {
        const Py_ssize_t left = t->wide ? col * t->stride : col;
        const float* products = t->products + (index * t->across + col) * t->channels;
#define CASE(kind, size)                                                               \
    case kind:                                                                         \
        if (t->wide)                                                                   \
            NAMED(give_tile)(t, kind, size, 1, products, picture, other, top, left);   \
        else                                                                           \
            NAMED(give_tile)(t, kind, size, 0, products, picture, other, top, left);   \
        break;
        switch (t->kind) { CASE(SUMS, 4) CASE(OF_TAPS, 3) }
#undef CASE
    }
}
