/* Names and sentences of the statuses. */
#include "slm/status.h"

const char *slm_status_name(slm_status status) {
    switch (status) {
    case SLM_OK: return "SLM_OK";
    case SLM_E_TRUNCATED: return "SLM_E_TRUNCATED";
    case SLM_E_MAGIC: return "SLM_E_MAGIC";
    case SLM_E_VERSION: return "SLM_E_VERSION";
    case SLM_E_FEATURE: return "SLM_E_FEATURE";
    case SLM_E_LIMIT: return "SLM_E_LIMIT";
    case SLM_E_INDEX: return "SLM_E_INDEX";
    case SLM_E_CHECKSUM: return "SLM_E_CHECKSUM";
    case SLM_E_RECORD: return "SLM_E_RECORD";
    case SLM_E_PROFILE: return "SLM_E_PROFILE";
    case SLM_E_SCALE: return "SLM_E_SCALE";
    case SLM_E_ARGUMENT: return "SLM_E_ARGUMENT";
    case SLM_E_MEMORY: return "SLM_E_MEMORY";
    case SLM_E_IO: return "SLM_E_IO";
    case SLM_E_NOT_FOUND: return "SLM_E_NOT_FOUND";
    case SLM_E_NONFINITE: return "SLM_E_NONFINITE";
    case SLM_E_STATE: return "SLM_E_STATE";
    case SLM_E_CANCELLED: return "SLM_E_CANCELLED";
    }
    return "SLM_E_?";
}

const char *slm_status_text(slm_status status) {
    switch (status) {
    case SLM_OK: return "no error";
    case SLM_E_TRUNCATED: return "the file ends before its stated size";
    case SLM_E_MAGIC: return "not a .slm file";
    case SLM_E_VERSION: return "a format version this library does not know";
    case SLM_E_FEATURE: return "a feature this library does not know and must";
    case SLM_E_LIMIT: return "a limit of the format is exceeded";
    case SLM_E_INDEX: return "header or index contradict themselves or the file";
    case SLM_E_CHECKSUM: return "a checksum does not match";
    case SLM_E_RECORD: return "a record breaks the coding's rules";
    case SLM_E_PROFILE: return "profile parameters outside the format's rules";
    case SLM_E_SCALE: return "a scale outside the format's rules";
    case SLM_E_ARGUMENT: return "an argument outside its documented range";
    case SLM_E_MEMORY: return "out of memory";
    case SLM_E_IO: return "reading or writing failed";
    case SLM_E_NOT_FOUND: return "no such tensor, key or payload";
    case SLM_E_NONFINITE: return "NaN or infinity among the weights";
    case SLM_E_STATE: return "calls in the wrong order, or an unfinished file";
    case SLM_E_CANCELLED: return "cancelled";
    }
    return "unknown status";
}
