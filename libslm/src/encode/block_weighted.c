/* block_weighted.c: block coding where errors count by column. |x - T|^2 with weight c times r_c^2 is the plain squared error of r_c x_c
 * and of U with its rows times r_c, so the same search serves, with a basis for each r; blocks that begin at the same column share it. */
#include <stdlib.h>
#include <string.h>

#include "encode_internal.h"

static int by_place(const void *a, const void *b) {
    const weighted_block *x = a, *y = b;
    if (x->place != y->place) {
        return x->place < y->place ? -1 : 1;
    }
    return (x->block > y->block) - (x->block < y->block);
}

/* The element of the tensor that a block of the piece begins with. */
static uint64_t element_of(const slm_encoder *encoder, const encode_worker *worker, piece_shape shape, bool short_last, size_t block) {
    const unsigned C = encoder->coding.profile.C;
    const uint64_t whole = shape.length / C;
    if (short_last) {
        return worker->element + block * shape.length + whole * C;
    }
    return worker->element + block / whole * shape.length + block % whole * C;
}

uint64_t slmi_block_weighted_search(const slm_encoder *encoder, encode_worker *worker, piece_shape shape, bool short_last, size_t blocks,
                                    uint64_t *records) {
    const block_search *search = short_last ? encoder->short_last : encoder->blocks;
    block_scratch *scratch = short_last ? worker->block_short : worker->block;
    const importance *of = encoder->importance;
    const unsigned rows = slmi_block_search_rows(search);
    weighted_block *order = worker->order;
    uint64_t examined = 0;
    for (size_t b = 0; b < blocks; b++) {
        order[b] = (weighted_block){element_of(encoder, worker, shape, short_last, b) % of->period, b};
    }
    qsort(order, blocks, sizeof *order, by_place);
    for (size_t first = 0, last; first < blocks; first = last) {
        double roots[SLM_C_MAX];
        for (unsigned c = 0; c < rows; c++) {
            roots[c] = of->roots[(order[first].place + c) % of->period].value;
        }
        for (last = first; last < blocks && order[last].place == order[first].place; last++) {
            for (unsigned c = 0; c < rows; c++) {
                worker->gathered[(last - first) * rows + c] = worker->targets[order[last].block * rows + c] * roots[c];
            }
        }
        slmi_block_scratch_weigh(scratch, roots);
        examined += slmi_block_search_run(search, scratch, worker->gathered, last - first, worker->gathered_records, NULL);
        for (size_t i = first; i < last; i++) {
            records[order[i].block] = worker->gathered_records[i - first];
        }
    }
    slmi_block_scratch_weigh(scratch, NULL);
    return examined;
}
