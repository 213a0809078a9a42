/* What the files of the reader share. */
#ifndef SLM_SRC_READER_PRIVATE_H
#define SLM_SRC_READER_PRIVATE_H

#include <stdatomic.h>

#include "index.h"
#include "input.h"

#define SLMI_DECODERS_MAX 64

struct slm_reader {
    slm_allocator allocator;
    slmi_input input;
    slmi_index index;
    bool skip_checksums;
    const char *kernel; /* static storage, or NULL */
    /* Prepared decoders of the first distinct codings; tensors beyond them have theirs made when they are decoded. */
    slm_decoder *decoders;
    uint8_t *decoder_of; /* for each tensor 1 + its decoder's index, or 0 */
    /* One bit a chunk, set once it was found sound. Kept only where bytes cannot change between calls: where they lie in memory. */
    atomic_uint_least32_t *verified;
};

static inline uint64_t slmi_payload_number(const slm_reader *reader, size_t payload) {
    return payload < reader->index.info.tensors ? payload : UINT64_MAX;
}

/* ---- Chunks (reader_chunks.c) ---- */

/* Reads the chunk with number `chunk` of a payload, checks it if `check`, and copies its payload bytes [from, to), which lie in it,
 * to `target` (NULL where from = to). For inputs that do not lie in memory. */
slm_status slmi_chunk_read(const slm_reader *reader, size_t payload, uint64_t chunk, uint64_t from, uint64_t to, uint8_t *target,
                           bool check, slm_error *error);

/* Checks a chunk of an input that lies in memory. Chunks known to be sound are not hashed again unless `again`. */
slm_status slmi_chunk_check(const slm_reader *reader, size_t payload, uint64_t chunk, bool again, slm_error *error);

/* A view of a payload's bytes from low to high offsets: each chunk is read and hashed once in a pass, and only what is asked for, and
 * the rest of a chunk begun, is kept. */
typedef struct slmi_window {
    const slm_reader *reader;
    size_t payload;
    uint64_t limit;  /* no byte at or behind it will be asked for */
    bool check;      /* checksums are verified */
    bool again;      /* even those known to be right */
    uint64_t sound;  /* chunks below it were checked in this pass */
    uint8_t *buffer; /* bytes [low, high), for inputs that do not lie in memory */
    size_t capacity;
    uint64_t low, high;
} slmi_window;

void slmi_window_open(slmi_window *window, const slm_reader *reader, size_t payload, uint64_t limit, bool check, bool again);
void slmi_window_close(slmi_window *window);

/* Payload bytes [offset, offset + size), valid until the next call. */
slm_status slmi_window_get(slmi_window *window, uint64_t offset, uint64_t size, const uint8_t **bytes, slm_error *error);

/* ---- Pieces of runs (reader_pieces.c) ---- */

/* A part of a run that is decoded in one go, as if it were a run of its own. Short runs are one piece; long ones are cut, so that memory
 * and checksums depend on what is asked for and not on the run. */
typedef struct slmi_piece {
    uint64_t first, count; /* weights of the run that it makes */
    uint64_t offset, size; /* its code bytes, from the run's first */
    bool is_run;           /* the whole run */
    bool has_end;          /* it holds the run's last byte */
    slm_coding coding;     /* to decode it with; its run_length may reach beyond count */
} slmi_piece;

/* The piece with weight `weight` of a run, holding as much of [weight, end) as fits a piece. */
void slmi_piece_find(slmi_piece *piece, const slm_tensor *tensor, const slm_profile *profile, uint64_t weight, uint64_t end);

/* A decoder that one call makes for itself: for parts of runs, and for codings beyond the prepared ones. is_run begins as false. */
typedef struct slmi_own_decoder {
    slm_decoder decoder;
    bool is_run; /* ready for whole runs of the call's tensor: making it takes as long as decoding thousands of weights */
} slmi_own_decoder;

/* The decoder for a piece: a prepared one, or `own` made ready. */
slm_status slmi_piece_decoder(const slm_reader *reader, size_t tensor, const slmi_piece *piece, slmi_own_decoder *own,
                              const slm_decoder **decoder, slm_error *error);

/* Names the fault of a piece whose record or padding was found wrong; SLM_E_RECORD. */
slm_status slmi_piece_fail(const slm_reader *reader, size_t tensor, uint64_t run, const slmi_piece *piece, uint64_t bit, slm_error *error);

/* Checks the scale bits of a run of a coded tensor; SLM_E_SCALE. */
slm_status slmi_scale_check(const slm_reader *reader, size_t tensor, uint64_t number, uint16_t scale, slm_error *error);

/* Checks that file bytes [from, to) are zero (rule [PAY-14]). */
slm_status slmi_check_padding(const slm_reader *reader, uint64_t from, uint64_t to, slm_error *error);

#endif
