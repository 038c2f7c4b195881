/* c = a·b for one kind of vector unit; included by products.h, which says what VECTOR (bytes),
   TILE_ROWS and NAMED are, and in which order the LOWER and the UPPER halves of two vectors alternate. */

#include "vector_kind.h"
enum { NAMED(TILE_COLS) = 2 * NAMED(LANES) };

/* A tile of c, `rows` by TILE_COLS, from one block of the depth; a's numbers lie a_row and a_depth
   apart. The tile stays in registers while the depth passes by: each step takes two vectors of b and
   one number of each row of a, and asks for a line of what is to be copied next. */
static inline __attribute__((always_inline)) void NAMED(tile)(
    const Product* p, const Tile* t, const int rows, Py_ssize_t a_row, Py_ssize_t a_depth)
{
    NAMED(Vector) sum[TILE_ROWS][2];
    for (int i = 0; i < rows; i++)
        for (int half = 0; half < 2; half++) {
            sum[i][half] = (NAMED(Vector)){0};
            __builtin_prefetch(t->c + i * p->c_row + half * NAMED(LANES), 1);
            if (t->other) __builtin_prefetch(t->other + i * p->other_row + half * NAMED(LANES));
        }
    for (Py_ssize_t k = 0; k < t->depth; k++) {
        const NAMED(Vector)* b = (const NAMED(Vector)*)(t->panel + k * NAMED(TILE_COLS));
        const NAMED(Vector) left = b[0], right = b[1];
        __builtin_prefetch(t->soon + k * t->soon_step, 0, 2);
        for (int i = 0; i < rows; i++) {
            const float number = t->a[i * a_row + k * a_depth];
            sum[i][0] += number * left;
            sum[i][1] += number * right;
        }
    }
    for (int i = 0; i < rows; i++)
        for (int half = 0; half < 2; half++) {
            const Py_ssize_t col = half * NAMED(LANES);
            NAMED(Loose)* to = (NAMED(Loose)*)(t->c + i * p->c_row + col);
            NAMED(Vector) value = sum[i][half];
            if (t->onto) value += *to;
            *to = NAMED(last_steps)(
                value, t->bias ? t->bias + col : NULL,
                t->other ? t->other + i * p->other_row + col : NULL, t->relu);
        }
}

/* The same for a number of rows that is known only now, and a packed or where it lies. */
static void NAMED(any_tile)(const Product* p, const Tile* t, int rows, int packed)
{
#define CASE(n)                                        \
    case n:                                            \
        if (n > TILE_ROWS) break;                      \
        if (packed)                                    \
            NAMED(tile)(p, t, n, 1, TILE_ROWS);        \
        else                                           \
            NAMED(tile)(p, t, n, p->a_row, 1);         \
        break;
    switch (rows) { CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) }
#undef CASE
}

/* LANES rows of LANES numbers, `step` apart, to as many columns, TILE_COLS apart. */
static inline void NAMED(transpose)(const float* from, Py_ssize_t step, float* to)
{
    const NAMED(Mask) lower = LOWER, upper = UPPER;
    NAMED(Vector) now[NAMED(LANES)], next[NAMED(LANES)];
    for (int i = 0; i < NAMED(LANES); i++) now[i] = *(const NAMED(Loose)*)(from + i * step);
    /* Shuffling the lower half with the upper as often as LANES can be halved transposes. */
    for (int width = NAMED(LANES); width > 1; width /= 2) {
        for (int i = 0; i < NAMED(LANES) / 2; i++) {
            next[2 * i] = __builtin_shuffle(now[i], now[i + NAMED(LANES) / 2], lower);
            next[2 * i + 1] = __builtin_shuffle(now[i], now[i + NAMED(LANES) / 2], upper);
        }
        for (int i = 0; i < NAMED(LANES); i++) now[i] = next[i];
    }
    for (int i = 0; i < NAMED(LANES); i++) *(NAMED(Loose)*)(to + i * NAMED(TILE_COLS)) = now[i];
}

/* TILE_COLS columns of b, `depth` numbers each, in the order in which `tile` reads them. */
static void NAMED(fill_panel)(const Product* p, const float* b, Py_ssize_t depth, float* panel)
{
    const Py_ssize_t cols = NAMED(TILE_COLS), lanes = NAMED(LANES);
    Py_ssize_t k = 0;
    if (p->b_col == 1)
        for (; k < depth; k++) memcpy(panel + k * cols, b + k * p->b_depth, cols * sizeof(float));
    if (p->b_depth == 1)
        for (; k + lanes <= depth; k += lanes)
            for (Py_ssize_t j = 0; j < cols; j += lanes)
                NAMED(transpose)(b + k + j * p->b_col, p->b_col, panel + k * cols + j);
    for (; k < depth; k++)
        for (Py_ssize_t j = 0; j < cols; j++)
            panel[k * cols + j] = b[k * p->b_depth + j * p->b_col];
}

/* Rows of a whose numbers of one column are neighbours, a tile's after another's. */
static void NAMED(pack_rows)(
    const Product* p, const float* a, Py_ssize_t depth, Py_ssize_t rows, float* packed)
{
    for (Py_ssize_t row = 0; row < rows; row += TILE_ROWS) {
        const Py_ssize_t left = rows - row, count = left < TILE_ROWS ? left : TILE_ROWS;
        float* to = packed + row * depth;
        for (Py_ssize_t k = 0; k < depth; k++)
            if (count == TILE_ROWS)
                memcpy(to + k * TILE_ROWS, a + row + k * p->a_depth, TILE_ROWS * sizeof(float));
            else
                memcpy(to + k * TILE_ROWS, a + row + k * p->a_depth, count * sizeof(float));
    }
}

/* Some rows by some columns of one of the products. */
static void NAMED(task)(const void* of, Py_ssize_t index)
{
    const Product* p = of;
    const Part part = part_of(p, index);
    const int packs = p->a_row == 1 && p->a_depth != 1;
    /* Blocks of about the same depth, or the last might be too small to be worth its way. */
    const Py_ssize_t block = LINE * parts_of(p->depth, LINE * parts_of(p->depth, DEPTH_BLOCK));
    float panels[DEPTH_BLOCK * TASK_COLS] __attribute__((aligned(64)));
    float packed[DEPTH_BLOCK * PACKED_ROWS];

    for (Py_ssize_t k = 0; k < p->depth; k += block) {
        const Py_ssize_t depth = smaller(block, p->depth - k);
        const int last = k + depth == p->depth;
        const float* a = p->a + part.batch * p->a_batch + part.row * p->a_row + k * p->a_depth;
        const float* b = b_of(p, part, k);
        /* What is copied next: of this task, or of the one that may be this thread's next. */
        const float* soon = last ? b_of(p, part_of(p, index + p->threads), 0) : b_of(p, part, k + block);
        const Py_ssize_t soon_step = p->b_col == 1 ? p->b_depth : p->b_col;
        Py_ssize_t asked = 0;

        if (packs) NAMED(pack_rows)(p, a, depth, part.rows, packed);
        for (Py_ssize_t j = 0; j < part.cols; j += NAMED(TILE_COLS))
            NAMED(fill_panel)(p, b + j * p->b_col, depth, panels + j * depth);
        for (Py_ssize_t i = 0; i < part.rows; i += TILE_ROWS)
            for (Py_ssize_t j = 0; j < part.cols; j += NAMED(TILE_COLS), asked += LINE) {
                const Py_ssize_t row = part.row + i, col = part.col + j;
                Tile tile = {
                    .a = packs ? packed + i * depth : a + i * p->a_row,
                    .panel = panels + j * depth,
                    .depth = depth,
                    .c = p->c + part.batch * p->c_batch + row * p->c_row + col,
                    .onto = p->onto || k > 0,
                    .bias = last && p->bias ? p->bias + col : NULL,
                    .other = last && p->other ? p->other + row * p->other_row + col : NULL,
                    .relu = last && p->relu,
                    .soon = soon,
                };
                if (asked < part.cols) { /* all has been asked for after so many tiles */
                    tile.soon += asked;
                    tile.soon_step = soon_step;
                }
                NAMED(any_tile)(p, &tile, (int)smaller(TILE_ROWS, part.rows - i), packs);
            }
    }
}
