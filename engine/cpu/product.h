// The depth of a product: the length of the chains that its elements are.

#ifndef PRODUCT_H
#define PRODUCT_H

#include "kernels.h"

int64_t product_depth(const product *p);

#endif
