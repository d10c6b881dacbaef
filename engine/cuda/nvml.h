// What NVML knows of a device: its clocks, and the memory of a process with contexts
// and libraries.

#pragma once

// nvml_load loads the library. It returns NULL, or why it could not.
const char *nvml_load(void);

// nvml_memory sets mine to the bytes that process pid has on the device at bus,
// -1 if it isn't listed, all to those of everybody, and total to how many there
// are. It returns an nvmlReturn_t.
int nvml_memory(const char *bus, unsigned pid, long long *mine, long long *all, long long *total);

// nvml_clocks sets sm and memory to the present clocks of the device at bus, in MHz,
// and held to why they are not higher, a bit for each of nvmlClocksEventReasons, 0 also
// where that is unknown. It returns an nvmlReturn_t.
int nvml_clocks(const char *bus, unsigned *sm, unsigned *memory, unsigned long long *held);
