// The memory of a process as NVML sees it, which counts contexts and libraries too.

#pragma once

// nvml_load loads the library. It returns NULL, or why it could not.
const char *nvml_load(void);

// nvml_memory sets mine to the bytes that process pid has on the device at bus,
// -1 if it isn't listed, all to those of everybody, and total to how many there
// are. It returns an nvmlReturn_t.
int nvml_memory(const char *bus, unsigned pid, long long *mine, long long *all, long long *total);
