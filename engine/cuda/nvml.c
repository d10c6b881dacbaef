//go:build cuda

#include "nvml.h"

#include <dlfcn.h>
#include <stddef.h>

// What this file needs of nvml.h. The values are part of the library's binary interface.
enum { SUCCESS = 0, CLOCK_SM = 1, CLOCK_MEMORY = 2 };

typedef struct {
  unsigned pid;
  unsigned long long used;
  unsigned instance, compute_instance;
} process;

typedef struct {
  unsigned long long total, free, used;
} memory;

enum { MAX_PROCESSES = 256 };

static int (*by_bus)(const char *, void **);
static int (*processes)(void *, unsigned *, process *);
static int (*memory_info)(void *, memory *);
static int (*clock_info)(void *, int type, unsigned *mhz);
static int (*held_reasons)(void *, unsigned long long *); // NULL where the library has none

const char *nvml_load(void) {
  void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == NULL)
    return dlerror();
  int (*init)(void) = NULL;
  const struct {
    const char *name;
    void *slot;
  } functions[] = {
      {"nvmlInit_v2", &init},
      {"nvmlDeviceGetHandleByPciBusId_v2", &by_bus},
      {"nvmlDeviceGetComputeRunningProcesses_v3", &processes},
      {"nvmlDeviceGetMemoryInfo", &memory_info},
      {"nvmlDeviceGetClockInfo", &clock_info},
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    void *f = dlsym(library, functions[i].name);
    if (f == NULL)
      return dlerror();
    *(void **)functions[i].slot = f;
  }
  *(void **)&held_reasons = dlsym(library, "nvmlDeviceGetCurrentClocksEventReasons");
  if (held_reasons == NULL) // its name before CUDA 12.2
    *(void **)&held_reasons = dlsym(library, "nvmlDeviceGetCurrentClocksThrottleReasons");
  return init() == SUCCESS ? NULL : "NVML does not start";
}

int nvml_memory(const char *bus, unsigned pid, long long *mine, long long *all, long long *total) {
  void *device = NULL;
  int code = by_bus(bus, &device);
  if (code != SUCCESS)
    return code;
  memory m;
  code = memory_info(device, &m);
  if (code != SUCCESS)
    return code;
  *all = (long long)m.used;
  *total = (long long)m.total;
  *mine = -1;
  process list[MAX_PROCESSES];
  unsigned n = MAX_PROCESSES;
  code = processes(device, &n, list);
  if (code != SUCCESS)
    return code;
  for (unsigned i = 0; i < n; i++)
    if (list[i].pid == pid && list[i].used != ~0ull)
      *mine = (long long)list[i].used;
  return SUCCESS;
}

int nvml_clocks(const char *bus, unsigned *sm, unsigned *memory, unsigned long long *held) {
  void *device = NULL;
  int code = by_bus(bus, &device);
  if (code == SUCCESS)
    code = clock_info(device, CLOCK_SM, sm);
  if (code == SUCCESS)
    code = clock_info(device, CLOCK_MEMORY, memory);
  *held = 0;
  if (code == SUCCESS && held_reasons != NULL)
    code = held_reasons(device, held);
  return code;
}
