/* What kinds of vector units the kernels are built for: a kernel's source is included once for each, with
   NAMED(x) naming its functions apart. */

#ifndef MMACTION_VECTORS_H
#define MMACTION_VECTORS_H

#include <Python.h>

/* Clang knows neither the pragma that chooses a unit nor this shuffle. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define HAS_KERNELS 1
#else
#define HAS_KERNELS 0
#endif

static inline Py_ssize_t smaller(Py_ssize_t x, Py_ssize_t y) { return x < y ? x : y; }

/* Bytes of the widest vectors that both the machine and the kernels know: 64, 32, or 0 for none. */
static inline int vector_bytes(void)
{
#if HAS_KERNELS
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 0;
    return __builtin_cpu_supports("avx512f") ? 64 : 32;
#else
    return 0;
#endif
}

#endif
