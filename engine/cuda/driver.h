// Libraries of the GPU, loaded when they are first wanted.

#pragma once

// driver_load loads the driver's library and resolves every function of it that
// the program calls. It returns NULL, or why it could not.
const char *driver_load(void);

// driver_init is the real cuInit; see driver.c.
int driver_init(void);

// driver_error is the driver's name for one of its result codes.
const char *driver_error(int code);
