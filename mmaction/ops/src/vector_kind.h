/* What the kernels for one kind of vector unit share; VECTOR (bytes) and NAMED say which. */

typedef float NAMED(Vector) __attribute__((vector_size(VECTOR)));
typedef int NAMED(Mask) __attribute__((vector_size(VECTOR)));
typedef float NAMED(Loose) __attribute__((vector_size(VECTOR), aligned(4)));
enum { NAMED(LANES) = VECTOR / sizeof(float) };

/* A layer's last steps: what is there of a bias and of another tensor is added, negatives are cut off. */
static inline __attribute__((always_inline)) NAMED(Vector) NAMED(last_steps)(
    NAMED(Vector) value, const float* bias, const float* other, int relu)
{
    if (bias) value += *(const NAMED(Loose)*)bias;
    if (other) value += *(const NAMED(Loose)*)other;
    if (relu) /* NaN is not below 0, and stays */
        value = (NAMED(Vector))((NAMED(Mask))value & ~(NAMED(Mask))(value < 0));
    return value;
}
