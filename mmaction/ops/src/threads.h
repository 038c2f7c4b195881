/* Work shared by several threads, each task done by whichever comes first.

   The threads are those of the OpenMP runtime that torch has brought into the process: those of a
   second one would contend with its for the same cores. Where there is none, one thread does all. */

#ifndef MMACTION_THREADS_H
#define MMACTION_THREADS_H

#include <dlfcn.h>
#include <Python.h>

typedef struct {
    void (*task)(const void* of, Py_ssize_t index);
    const void* of;
    Py_ssize_t count, next;
} Tasks;

static void take_tasks(void* tasks_)
{
    Tasks* tasks = tasks_;
    for (;;) {
        const Py_ssize_t index = __atomic_fetch_add(&tasks->next, 1, __ATOMIC_RELAXED);
        if (index >= tasks->count) return;
        tasks->task(tasks->of, index);
    }
}

/* Runs task(of, 0 … count-1). */
static void share_tasks(
    void (*task)(const void* of, Py_ssize_t index), const void* of, Py_ssize_t count, int threads)
{
    typedef void (*Parallel)(void (*)(void*), void*, unsigned, unsigned);
    Tasks tasks = {task, of, count, 0};
    Parallel parallel = NULL;
    if (threads > 1 && count > 1) *(void**)&parallel = dlsym(RTLD_DEFAULT, "GOMP_parallel");
    if (parallel)
        parallel(take_tasks, &tasks, (unsigned)(threads < count ? threads : count), 0);
    else
        take_tasks(&tasks);
}

#endif
