#define _POSIX_C_SOURCE 200809L // for pthread_sigmask

#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

// SPINS is how often a thread looks for work, or for the end of it, before it
// sleeps: some 50 us, in which a step of an operation or the next operation comes.
enum { SPINS = 1 << 11 };

static void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}

typedef struct {
  pool *pool;
  float *scratch;
  pthread_t thread;
} worker;

struct pool {
  int threads;
  worker *workers;

  pool_task *f;
  const void *job;
  int64_t tasks;
  _Alignas(64) atomic_int_fast64_t next; // the next task to take
  _Alignas(64) atomic_uint gate;         // JOB times the number of jobs, OPEN, and how many helpers joined this one
  _Alignas(64) atomic_uint done;         // how many of those have left it
  atomic_int sleeping;                   // helpers that wait for wake
  int closing;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
};

enum { OPEN = 1 << 12, JOB = 1 << 13, JOINED = OPEN - 1 };

static void take(pool *p, float *scratch) {
  for (;;) {
    const int64_t task = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
    if (task >= p->tasks)
      return;
    p->f(p->job, scratch, task);
  }
}

// await returns the gate when it is of another job than the one seen.
static unsigned await(pool *p, unsigned seen) {
  for (int i = 0; i < SPINS; i++) {
    const unsigned gate = atomic_load_explicit(&p->gate, memory_order_acquire);
    if (gate / JOB != seen)
      return gate;
    relax();
  }
  pthread_mutex_lock(&p->mutex);
  atomic_fetch_add(&p->sleeping, 1);
  unsigned gate;
  while ((gate = atomic_load(&p->gate)) / JOB == seen)
    pthread_cond_wait(&p->wake, &p->mutex);
  atomic_fetch_sub(&p->sleeping, 1);
  pthread_mutex_unlock(&p->mutex);
  return gate;
}

static void *help(void *arg) {
  worker *w = arg;
  pool *p = w->pool;
  for (unsigned seen = 0;;) {
    unsigned gate = await(p, seen);
    seen = gate / JOB;
    // One that comes late finds the gate closed, and nobody waits for it.
    while (gate & OPEN && gate / JOB == seen) {
      if (!atomic_compare_exchange_weak(&p->gate, &gate, gate + 1))
        continue;
      if (p->closing)
        return NULL;
      take(p, w->scratch);
      atomic_fetch_add(&p->done, 1);
      break;
    }
  }
}

static void post(pool *p) {
  atomic_store(&p->done, 0);
  atomic_store(&p->gate, (atomic_load(&p->gate) / JOB + 1) * JOB + OPEN);
  // A helper counts itself as sleeping before it looks for the last time.
  if (atomic_load(&p->sleeping) > 0) {
    pthread_mutex_lock(&p->mutex);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->mutex);
  }
}

pool *pool_open(int threads) {
  pool *p = aligned_alloc(64, (sizeof *p + 63) / 64 * 64);
  worker *workers = calloc((size_t)threads, sizeof *workers);
  if (!p || !workers) {
    free(p);
    free(workers);
    return NULL;
  }
  *p = (pool){.threads = 1, .workers = workers};
  pthread_mutex_init(&p->mutex, NULL);
  pthread_cond_init(&p->wake, NULL);
  // Signals are for Go's threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = 0;
  for (int i = 1; i < threads && !failed; i++) {
    workers[i].pool = p;
    failed = pthread_create(&workers[i].thread, NULL, help, &workers[i]);
    p->threads += !failed;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (failed) {
    pool_close(p);
    return NULL;
  }
  return p;
}

void pool_close(pool *p) {
  p->closing = 1;
  post(p); // and leave the gate open
  for (int i = 1; i < p->threads; i++)
    pthread_join(p->workers[i].thread, NULL);
  pthread_cond_destroy(&p->wake);
  pthread_mutex_destroy(&p->mutex);
  free(p->workers);
  free(p);
}

int pool_threads(const pool *p) { return p->threads; }

void pool_scratch(pool *p, int worker, float *scratch) { p->workers[worker].scratch = scratch; }

void pool_alone(pool *p, int64_t tasks, pool_task *f, const void *job) {
  for (int64_t i = 0; i < tasks; i++)
    f(job, p->workers[0].scratch, i);
}

void pool_run(pool *p, int64_t tasks, pool_task *f, const void *job) {
  if (tasks <= 1 || p->threads == 1) {
    pool_alone(p, tasks, f, job);
    return;
  }
  p->f = f;
  p->job = job;
  p->tasks = tasks;
  atomic_store(&p->next, 0);
  post(p);
  take(p, p->workers[0].scratch);
  const unsigned joined = atomic_fetch_and(&p->gate, ~(unsigned)OPEN) & JOINED;
  for (int i = 0; atomic_load_explicit(&p->done, memory_order_acquire) != joined; i++) {
    if (i < SPINS)
      relax();
    else
      sched_yield();
  }
}
