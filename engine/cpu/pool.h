// A fixed number of threads that share out the tasks of one job at a time. They
// are the system's, not goroutines: the parts of an operation follow each other
// within microseconds, and Go's scheduler takes longer to bring two goroutines
// together that call C.

#ifndef POOL_H
#define POOL_H

#include <stdint.h>

typedef struct pool pool;

// pool_open starts threads-1 helpers of the caller. It returns NULL if the system
// has no room for them.
pool *pool_open(int threads);
void pool_close(pool *p);

int pool_threads(const pool *p);

// pool_scratch gives a worker, of which 0 is the caller, its scratch.
void pool_scratch(pool *p, int worker, float *scratch);

// pool_run calls f for every task from 0 on, in any order, on at most all
// threads, and returns when all are done.
typedef void pool_task(const void *job, float *scratch, int64_t task);
void pool_run(pool *p, int64_t tasks, pool_task *f, const void *job);

// pool_alone is pool_run on the caller.
void pool_alone(pool *p, int64_t tasks, pool_task *f, const void *job);

#endif
