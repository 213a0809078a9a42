/* slm/slm.h: all of libslm. Level 1 (decode.h) alone is freestanding; see libslm/README.md for building just that. */
#ifndef SLM_SLM_H
#define SLM_SLM_H

#include "slm/decode.h"
#include "slm/dtype.h"
#include "slm/encode.h"
#include "slm/file.h"
#include "slm/gemv.h"
#include "slm/lfsr.h"
#include "slm/profile.h"
#include "slm/reader.h"
#include "slm/status.h"
#include "slm/version.h"
#include "slm/writer.h"

#endif
