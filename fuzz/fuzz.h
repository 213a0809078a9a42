/* fuzz/fuzz.h: what the harnesses share. A harness is one file with LLVMFuzzerTestOneInput(); which main() goes with it is the build's
 * choice: AFL++'s, libFuzzer's, or replay.c, which needs no fuzzer. */
#ifndef SLM_FUZZ_H
#define SLM_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slm/reader.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A finding: says which and ends the process, so that the fuzzer keeps the input. */
#define CHECK(condition) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))
_Noreturn void fuzz_fail(const char *file, int line, const char *condition);

/* A copy of exactly that size, so that AddressSanitizer sees a read one byte too far. Never NULL; to be freed. */
uint8_t *fuzz_copy(const void *data, size_t size);

/* Messages that the code under test prints go nowhere from here on; findings are still printed. */
void fuzz_silence(void);

/* A folder for files that do not outlive the process, without a disk behind it where there is such a one. Files of more than 64 MiB cannot
 * be written from here on: an input can stand for terabytes. */
const char *fuzz_memory_folder(void);

/* The path of a file in memory with these bytes, until the next call. */
const char *fuzz_file(const void *data, size_t size);

/* Random numbers, the same for the same input: a state made from its bytes, and what is drawn from that. */
uint64_t fuzz_seed(const uint8_t *data, size_t size);
uint64_t fuzz_random(uint64_t *state);
uint64_t fuzz_below(uint64_t *state, uint64_t n); /* 0 where n is 0 */

/* Bytes that `count` elements take. */
size_t fuzz_bytes(slm_dtype dtype, uint64_t count);

/* ---- .slm files ---- */

/* Makes every checksum of a .slm file right that can be found by its sections, so that what lies behind them is reached: header, index
 * and chunks. Nothing else is changed. */
void fuzz_mend_slm(uint8_t *file, size_t size);

/* An input as memory and as a callback, and what both said. */
typedef struct fuzz_slm {
    uint8_t *bytes;
    size_t size;
    slm_reader *memory, *callback; /* both, or neither where the file is refused */
} fuzz_slm;

/* Opens a copy of the input in both ways with a kernel (NULL: the fastest), mended if asked for, and checks that they agree. */
bool fuzz_open_slm(fuzz_slm *slm, const uint8_t *data, size_t size, bool mend, const char *kernel);
void fuzz_close_slm(fuzz_slm *slm);

/* Both are successes, or failures that name the same rule, tensor and place. Messages must be fit to be printed. */
void fuzz_same_error(slm_status a, const slm_error *x, slm_status b, const slm_error *y);

/* ---- Archives ---- */

/* Makes the checksum of every tar header right that can be found by following the sizes. */
void fuzz_mend_tar(uint8_t *bytes, size_t size);

/* A name that came out of an archive can be written below a folder: relative, no "..", no empty part, UTF-8. Judged anew here. */
void fuzz_check_path(const char *path);

#endif
