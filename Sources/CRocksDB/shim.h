#ifndef M3AGG_CROCKSDB_SHIM_H
#define M3AGG_CROCKSDB_SHIM_H

#include <rocksdb/c.h>

#endif
