/* Every message of the data plane. Written by scripts/generate-c-protocol.sh. */
#ifndef CM3PROTOCOL_H
#define CM3PROTOCOL_H
#include "aggregationpb.pb-c.h"
#include "metricpb.pb-c.h"
#include "msgpb.pb-c.h"
#include "pipelinepb.pb-c.h"
#include "policypb.pb-c.h"
#include "prompb.pb-c.h"
#include "transformationpb.pb-c.h"
#endif
