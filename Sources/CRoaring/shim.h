#ifndef M3AGG_CROARING_SHIM_H
#define M3AGG_CROARING_SHIM_H

#include <roaring/roaring.h>

#endif
