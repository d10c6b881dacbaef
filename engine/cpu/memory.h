#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

// advise_large asks for large pages for bytes of new memory at p, where the system
// has them: a step of training goes over more memory than the processor keeps
// translations of small pages for.
void advise_large(void *p, size_t bytes);

#endif
