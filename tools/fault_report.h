/* tools/fault_report.h: a fault as the user sees it. */
#ifndef TOOLS_FAULT_REPORT_H
#define TOOLS_FAULT_REPORT_H

#include "fault.h"

/* Prints "slm: error: PATH: sentence" (PATH may be NULL; "-" is called standard input) and returns the exit code. */
int fault_report(const fault *f, const char *path);

#endif
