/* Encoding a tensor: pieces pulled by threads, results added in the pieces' order so that no figure depends on the threads, nor on how many
 * pieces a thread takes at once.
 *
 * A group of runs shares a scale or has scales chosen run by run. Where the scale needs more than a piece (one for the tensor, or
 * runs longer than a piece), a first pass measures the group, the scale is chosen, and a last pass codes; where several scales are to be
 * tried, each has a pass between them.
 */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "../container/alloc.h"
#include "../container/error.h"
#include "block_scale.h"
#include "encode_internal.h"

#define WINDOW 256 /* times what is taken at once: pieces that may be ahead of the first unfinished one */
#define THREADS_MAX 1024

typedef enum pass { PASS_MEASURE, PASS_TRY, PASS_CODE, PASS_SCALE_AND_CODE } pass;

typedef struct piece_result {
    bool done;
    weight_stats weights;
    search_stats search;
} piece_result;

/* The scales that are tried for a group. */
typedef struct scale_trials {
    unsigned number;     /* the one at hand */
    uint16_t rule;       /* they lie around it */
    uint16_t best;       /* of those before */
    double least;        /* what that errs */
    search_stats before; /* of the groups before, with what trials that are done examined */
} scale_trials;

typedef struct encode_job {
    const slm_encoder *encoder;
    const slm_encode_io *io;
    piece_shape shape;
    uint64_t first_run; /* of the group */
    uint64_t runs;
    uint64_t pieces;
    uint64_t together; /* pieces taken at once */
    pass pass;
    uint16_t scale;
    scale_trials trials; /* while trying */
    /* Under the lock: */
    pthread_mutex_t lock;
    pthread_cond_t moved;
    uint64_t next;     /* piece to be taken */
    uint64_t finished; /* pieces added up: all before this one */
    slm_status status; /* of failed_piece */
    uint64_t failed_piece;
    uint64_t failed_element;
    /* WINDOW * together; those of pieces that a thread has taken are its own until they are done. */
    uint64_t window_size;
    piece_result window[];
} encode_job;

typedef struct job_totals {
    weight_stats weights;
    search_stats search;
} job_totals;

typedef struct thread_start {
    encode_job *job;
    encode_worker *worker;
    job_totals *totals;
} thread_start;

/* The place of a piece, or of several one behind another. */
typedef struct place {
    piece_shape shape;
    uint64_t run;    /* its first */
    uint64_t column; /* in that run */
} place;

static uint64_t parts_of_run(const encode_job *job) {
    const uint64_t run_length = job->encoder->coding.run_length;
    return run_length / job->shape.length + (run_length % job->shape.length != 0);
}

static uint64_t count_pieces(const encode_job *job) {
    if (job->shape.is_part) {
        return job->runs * parts_of_run(job);
    }
    return job->runs / job->shape.segments + (job->runs % job->shape.segments != 0);
}

static piece_result *result_of(encode_job *job, uint64_t piece) { return &job->window[piece % job->window_size]; }

static place place_of(const encode_job *job, uint64_t piece, uint64_t count) {
    place at = {job->shape, job->first_run, 0};
    if (job->shape.is_part) {
        const uint64_t parts = parts_of_run(job);
        at.run += piece / parts;
        at.column = piece % parts * job->shape.length;
        if (at.shape.length > job->encoder->coding.run_length - at.column) {
            at.shape.length = job->encoder->coding.run_length - at.column;
        }
    } else {
        const uint64_t first = piece * job->shape.segments;
        at.run += first;
        at.shape.segments *= count;
        if (at.shape.segments > job->runs - first) {
            at.shape.segments = job->runs - first;
        }
    }
    return at;
}

/* The group's first `pieces` pieces are done, with all groups before it, or with the scale that is tried. */
static slm_encode_state state_of(const encode_job *job, uint64_t pieces, const search_stats *search) {
    const slm_encoder *encoder = job->encoder;
    slm_encode_state state = {.group = job->first_run, .pieces = pieces, .scale = job->scale};
    place at = {job->shape, job->first_run + job->runs, 0};
    if (job->pass == PASS_TRY) {
        const scale_trials *trials = &job->trials;
        at.run = job->first_run;
        state.scale = trials->best;
        state.trial = trials->number + 1;
        state.rule = trials->rule;
        state.least = trials->least;
        state.trial_error = search->weighted_error;
        state.trial_examined = search->examined;
        search = &trials->before;
    } else if (pieces < job->pieces) {
        at = place_of(job, pieces, 1);
    }
    state.elements = at.run * encoder->coding.run_length + at.column;
    state.code_bytes = at.run * slmi_encode_code_bytes(encoder, encoder->coding.run_length);
    state.code_bytes += at.column > 0 ? slmi_encode_code_bytes(encoder, at.column) : 0;
    const uint64_t group_scales = job->pass == PASS_TRY ? 0 : 1;
    state.scales = !encoder->scale_per_run ? group_scales : job->pass == PASS_SCALE_AND_CODE ? at.run : job->first_run + group_scales;
    state.report = (slm_encode_report){search->squared_norm, search->squared_error, search->maximum_error, search->blocks,
                                       search->examined,     search->weighted_norm, search->weighted_error};
    return state;
}

static slm_status read_weights(const slm_encode_io *io, uint64_t first, uint64_t count, float *weights, uint64_t *failed_element) {
    const slm_status status = io->read(io->context, first, (size_t)count, weights);
    for (uint64_t i = 0; status == SLM_OK && i < count; i++) {
        if (!isfinite(weights[i])) {
            *failed_element = first + i;
            return SLM_E_NONFINITE;
        }
    }
    return status;
}

static slm_status code_pieces(encode_job *job, encode_worker *worker, const place *at, uint64_t piece) {
    const slm_encoder *encoder = job->encoder;
    const slm_encode_io *io = job->io;
    const uint64_t run_bytes = slmi_encode_code_bytes(encoder, encoder->coding.run_length);
    const uint64_t piece_bytes = at->shape.segments * slmi_encode_code_bytes(encoder, at->shape.length);
    const bool own_scales = job->pass == PASS_SCALE_AND_CODE;
    slm_status status = SLM_OK;
    for (uint64_t s = 0; s < at->shape.segments; s++) {
        weight_stats stats = {0, 0, 0};
        slmi_encode_piece_measure(encoder, worker, s * at->shape.length, at->shape.length, at->column, &stats);
        worker->scales[s] = job->scale;
        if (own_scales) {
            status = slmi_encode_piece_scale(encoder, worker, at->shape, s, &stats);
            if (status != SLM_OK) {
                return status;
            }
        }
    }
    status = own_scales && encoder->candidates > 1 ? slmi_encode_piece_search_scales(encoder, worker, at->shape, at->column)
                                                   : slmi_encode_piece_search(encoder, worker, at->shape, at->column);
    for (uint64_t s = 0; status == SLM_OK && s < at->shape.segments; s++) {
        search_stats_add(&result_of(job, piece + s / job->shape.segments)->search, &worker->stats[s]);
    }
    if (status == SLM_OK && own_scales) {
        status = io->write_scales(io->context, at->run, (size_t)at->shape.segments, worker->scales);
    }
    if (status != SLM_OK || job->pass == PASS_TRY) {
        return status;
    }
    /* Whole blocks before the column lie in whole bytes. */
    const uint64_t offset = at->run * run_bytes + (at->column > 0 ? slmi_encode_code_bytes(encoder, at->column) : 0);
    return io->write_codes(io->context, offset, (size_t)piece_bytes, worker->codes);
}

static slm_status do_pieces(encode_job *job, encode_worker *worker, uint64_t piece, uint64_t pieces, uint64_t *failed_element) {
    const place at = place_of(job, piece, pieces);
    const uint64_t count = at.shape.segments * at.shape.length;
    const uint64_t first = at.run * job->encoder->coding.run_length + at.column;
    slm_status status = read_weights(job->io, first, count, worker->weights, failed_element);
    worker->element = first;
    if (status == SLM_OK) {
        if (job->pass == PASS_MEASURE) {
            for (uint64_t s = 0; s < at.shape.segments; s++) {
                slmi_encode_piece_measure(job->encoder, worker, s * at.shape.length, at.shape.length, at.column,
                                          &result_of(job, piece + s / job->shape.segments)->weights);
            }
        } else {
            status = code_pieces(job, worker, &at, piece);
            if (status == SLM_OK && job->io->progress != NULL &&
                job->io->progress(job->io->context, job->pass == PASS_TRY ? 0 : count) != 0) {
                status = SLM_E_CANCELLED;
            }
        }
    }
    return status;
}

static void *work(void *argument) {
    const thread_start *start = argument;
    encode_job *job = start->job;
    (void)pthread_mutex_lock(&job->lock);
    for (;;) {
        while (job->status == SLM_OK && job->next < job->pieces && job->next + job->together > job->finished + job->window_size) {
            (void)pthread_cond_wait(&job->moved, &job->lock);
        }
        if (job->status != SLM_OK || job->next == job->pieces) {
            break;
        }
        const uint64_t piece = job->next, left = job->pieces - piece, count = left < job->together ? left : job->together;
        job->next += count;
        (void)pthread_mutex_unlock(&job->lock);
        uint64_t failed_element = UINT64_MAX;
        const slm_status status = do_pieces(job, start->worker, piece, count, &failed_element);
        (void)pthread_mutex_lock(&job->lock);
        if (status != SLM_OK) {
            /* Pieces are taken in order, so the first of those that fail is the same however many threads there are. */
            if (job->status == SLM_OK || piece < job->failed_piece) {
                job->status = status;
                job->failed_piece = piece;
                job->failed_element = failed_element;
            }
        } else {
            const uint64_t before = job->finished;
            for (uint64_t i = 0; i < count; i++) {
                result_of(job, piece + i)->done = true;
            }
            for (piece_result *first; (first = result_of(job, job->finished))->done; job->finished++) {
                weight_stats_add(&start->totals->weights, &first->weights);
                search_stats_add(&start->totals->search, &first->search);
                memset(first, 0, sizeof *first);
            }
            if (job->finished > before && job->pass != PASS_MEASURE && job->io->save != NULL) {
                const slm_encode_state state = state_of(job, job->finished, &start->totals->search);
                const slm_status saved = job->io->save(job->io->context, &state);
                if (saved != SLM_OK && job->status == SLM_OK) {
                    job->status = saved;
                    job->failed_piece = piece;
                }
            }
        }
        (void)pthread_cond_broadcast(&job->moved);
    }
    (void)pthread_mutex_unlock(&job->lock);
    return NULL;
}

/* Runs the job's pass over its group, from piece `first` on, on up to `threads` workers; the calling thread is the first. */
static slm_status run_pass(encode_job *job, pass which, uint64_t first, encode_worker *workers, unsigned threads, job_totals *totals) {
    pthread_t handles[THREADS_MAX];
    thread_start starts[THREADS_MAX];
    unsigned started = 1;
    job->pass = which;
    job->next = first;
    job->finished = first;
    job->status = SLM_OK;
    memset(job->window, 0, (size_t)job->window_size * sizeof *job->window);
    for (unsigned t = 0; t < threads; t++) {
        starts[t] = (thread_start){job, &workers[t], totals};
    }
    while (started < threads && started < job->pieces - first && pthread_create(&handles[started], NULL, work, &starts[started]) == 0) {
        started++; /* where no more threads are to be had, fewer do the same */
    }
    (void)work(&starts[0]);
    for (unsigned t = 1; t < started; t++) {
        (void)pthread_join(handles[t], NULL);
    }
    return job->status;
}

/* Whole blocks spread evenly over the group, into worker->sample. */
static slm_status sample_blocks(encode_job *job, encode_worker *worker, size_t *count) {
    const slm_coding *coding = &job->encoder->coding;
    const unsigned C = coding->profile.C;
    const uint64_t run_blocks = coding->run_length / C;
    const uint64_t segment = coding->rotation != 0 ? UINT64_C(1) << coding->rotation : 1;
    *count = slmi_block_scale_sample(&coding->profile, job->runs * run_blocks);
    for (size_t i = 0; i < *count; i++) {
        const uint64_t block = (uint64_t)i * (job->runs * run_blocks / *count);
        const uint64_t column = block % run_blocks * C;
        const uint64_t first = column / segment * segment;
        const uint64_t count_read = (column + C + segment - 1) / segment * segment - first;
        const uint64_t run = job->first_run + block / run_blocks;
        weight_stats ignored = {0, 0, 0};
        const slm_status status =
            read_weights(job->io, run * coding->run_length + first, count_read, worker->weights, &job->failed_element);
        if (status != SLM_OK) {
            return status;
        }
        slmi_block_piece_measure(job->encoder, worker, 0, count_read, first, &ignored);
        memcpy(worker->sample + i * C, worker->rotated + (column - first), C * sizeof *worker->sample);
    }
    return SLM_OK;
}

#define SAMPLE_WEIGHTS 32768

/* Whole runs spread evenly over the group, in memory that is the caller's to free. */
static slm_status sample_runs(encode_job *job, const slm_allocator *allocator, float **sample, uint64_t *count) {
    const uint64_t run_length = job->encoder->coding.run_length;
    uint64_t wanted = SAMPLE_WEIGHTS / run_length;
    wanted = wanted < 1 ? 1 : wanted;
    wanted = wanted > job->runs ? job->runs : wanted;
    *count = wanted;
    *sample = slmi_allocate(allocator, wanted, (size_t)run_length * sizeof **sample);
    if (*sample == NULL) {
        return SLM_E_MEMORY;
    }
    for (uint64_t i = 0; i < wanted; i++) {
        const uint64_t run = job->first_run + i * (job->runs / wanted);
        const slm_status status = read_weights(job->io, run * run_length, run_length, *sample + i * run_length, &job->failed_element);
        if (status != SLM_OK) {
            return status;
        }
    }
    return SLM_OK;
}

static slm_status choose_group_scale(encode_job *job, encode_worker *worker, const weight_stats *stats) {
    const slm_encoder *encoder = job->encoder;
    slm_status status;
    if (encoder->trellis != NULL) {
        float *sample = NULL;
        uint64_t runs = 0;
        status = sample_runs(job, &encoder->allocator, &sample, &runs);
        if (status == SLM_OK) {
            const uint64_t run_length = encoder->coding.run_length;
            status = slmi_encode_trellis_scale(encoder, worker, stats, sample, runs, job->first_run * run_length,
                                               job->runs / runs * run_length, &job->scale);
        }
        slmi_free(&encoder->allocator, sample);
        return status;
    }
    size_t blocks = 0;
    status = sample_blocks(job, worker, &blocks);
    if (status == SLM_OK) {
        job->scale = slmi_block_choose_scale(encoder->blocks, worker->block, &encoder->coding, stats, worker->sample, blocks,
                                             worker->targets, worker->records);
    }
    return status;
}

static unsigned list_candidates(const encode_job *job, uint16_t *candidates) {
    return slmi_scale_candidates(&job->encoder->coding, job->trials.rule, job->encoder->candidates, candidates);
}

/* Codes the whole group with each candidate from job->trials on, keeping nothing but the error; the first of them from piece `first` on,
 * to which `trial` came. */
static slm_status search_group_scales(encode_job *job, uint64_t first, job_totals trial, encode_worker *workers, unsigned threads) {
    scale_trials *trials = &job->trials;
    uint16_t candidates[SCALE_CANDIDATES_MAX];
    const unsigned count = list_candidates(job, candidates);
    if (count == 1) {
        trials->best = candidates[0];
    }
    for (; count > 1 && trials->number < count; trials->number++) {
        job->scale = candidates[trials->number];
        const slm_status status = run_pass(job, PASS_TRY, first, workers, threads, &trial);
        if (status != SLM_OK) {
            return status;
        }
        trials->before.examined += trial.search.examined;
        if (trials->number == 0 || trial.search.weighted_error < trials->least) {
            trials->best = job->scale;
            trials->least = trial.search.weighted_error;
        }
        trial = (job_totals){0};
        first = 0;
    }
    job->scale = trials->best;
    return SLM_OK;
}

static void set_group(encode_job *job, uint64_t first_run, uint64_t runs) {
    job->first_run = first_run;
    job->runs = runs;
    job->pieces = count_pieces(job);
}

static bool can_be_sum(double value) { return value >= 0 && isfinite(value); }

/* Sums of squares, and a largest error. */
static bool can_be_report(const slm_encode_report *report) {
    const double sums[] = {report->squared_norm, report->squared_error, report->maximum_error, report->weighted_norm,
                           report->weighted_error};
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) {
        if (!can_be_sum(sums[i])) {
            return false;
        }
    }
    return true;
}

static bool can_be_scale(const slm_encoder *encoder, uint16_t scale) {
    slm_decoder decoder;
    return slm_decoder_init(&decoder, &encoder->coding, "scalar") == SLM_OK && slm_decoder_check_scale(&decoder, scale) == SLM_OK;
}

/* Sets the job to the trial of a state that can be one of its own. */
static bool resume_trial(encode_job *job, const slm_encode_state *from, search_stats *trial) {
    uint16_t candidates[SCALE_CANDIDATES_MAX];
    job->pass = PASS_TRY;
    job->trials = (scale_trials){.number = from->trial - 1, .rule = from->rule, .best = from->scale, .least = from->least};
    trial->weighted_error = from->trial_error;
    trial->examined = from->trial_examined;
    if (job->encoder->candidates <= 1 || !can_be_scale(job->encoder, from->rule)) {
        return false;
    }
    const unsigned count = list_candidates(job, candidates);
    bool known = from->trial == 1;
    for (unsigned i = 0; i + 1 < from->trial && i < count; i++) {
        known = known || candidates[i] == from->scale;
    }
    return count > 1 && from->trial <= count && known && can_be_sum(from->least) && can_be_sum(from->trial_error);
}

/* Sets the job to the group and scale of a state that can be one of its own; *first is the group's next piece, `trial` what the scale that
 * was being tried came to. */
static bool resume_group(encode_job *job, const slm_encode_state *from, uint64_t groups, job_totals *totals, job_totals *trial,
                         uint64_t *first) {
    if (from->group >= groups) {
        return false;
    }
    if (groups > 1) {
        set_group(job, from->group, 1);
    }
    job->scale = from->scale;
    job->pass = job->encoder->scale_per_run && !job->shape.is_part ? PASS_SCALE_AND_CODE : PASS_CODE;
    if (from->trial > 0 && (job->pass != PASS_CODE || !resume_trial(job, from, &trial->search))) {
        return false;
    }
    const slm_encode_report *report = &from->report;
    if (!can_be_report(report) || (job->pass == PASS_CODE && !can_be_scale(job->encoder, job->scale))) {
        return false;
    }
    totals->search = (search_stats){report->squared_norm, report->squared_error, report->maximum_error, report->blocks,
                                    report->examined,     report->weighted_norm, report->weighted_error};
    job->trials.before = totals->search;
    if (from->pieces == 0 || from->pieces > job->pieces) {
        return false;
    }
    const slm_encode_state expected = state_of(job, from->pieces, job->pass == PASS_TRY ? &trial->search : &totals->search);
    *first = from->pieces;
    return from->elements == expected.elements && from->scales == expected.scales && from->code_bytes == expected.code_bytes;
}

static slm_status encode_groups(encode_job *job, encode_worker *workers, unsigned threads, uint64_t runs, job_totals *totals) {
    const bool per_run = job->encoder->scale_per_run, at_once = per_run && !job->shape.is_part;
    const uint64_t group_runs = per_run && !at_once ? 1 : runs;
    uint64_t first = 0; /* piece of the group at hand: above 0 in one that is resumed */
    job_totals trial = {0};
    set_group(job, 0, group_runs);
    if (job->io->resume != NULL && !resume_group(job, job->io->resume, runs / group_runs, totals, &trial, &first)) {
        return SLM_E_ARGUMENT;
    }
    bool tries = first > 0 && job->pass == PASS_TRY;
    if (at_once) {
        return run_pass(job, PASS_SCALE_AND_CODE, first, workers, threads, totals);
    }
    for (; job->first_run < runs; set_group(job, job->first_run + group_runs, group_runs)) {
        slm_status status = SLM_OK;
        if (first == 0) {
            totals->weights = (weight_stats){0, 0, 0};
            status = run_pass(job, PASS_MEASURE, 0, workers, threads, totals);
            if (status == SLM_OK) {
                status = choose_group_scale(job, &workers[0], &totals->weights);
            }
            job->trials = (scale_trials){.rule = job->scale, .best = job->scale, .before = totals->search};
            tries = job->encoder->candidates > 1 && totals->weights.maximum > 0;
        }
        if (status == SLM_OK && tries) {
            status = search_group_scales(job, first, trial, workers, threads);
            totals->search = job->trials.before;
            trial = (job_totals){0};
            first = 0;
        }
        if (status == SLM_OK && first == 0) {
            status = job->io->write_scales(job->io->context, per_run ? job->first_run : 0, 1, &job->scale);
        }
        if (status == SLM_OK) {
            status = run_pass(job, PASS_CODE, first, workers, threads, totals);
        }
        if (status != SLM_OK) {
            return status;
        }
        first = 0;
    }
    return SLM_OK;
}

slm_status slm_encode_tensor(const slm_encoder *encoder, uint64_t elements, const slm_encode_io *io, slm_encode_report *report,
                             slm_error *error) {
    if (encoder == NULL || io == NULL || io->read == NULL || io->write_scales == NULL || io->write_codes == NULL) {
        return slmi_fail_call(error, SLM_E_ARGUMENT, "no encoder, or no functions to read and write with");
    }
    if (elements == 0 || elements % encoder->coding.run_length != 0) {
        return slmi_fail_call(error, SLM_E_ARGUMENT, "the number of weights is no multiple of the run length");
    }
    const slm_hessian *hessian = encoder->hessian;
    if (hessian != NULL && (hessian->columns != encoder->coding.run_length || hessian->rotation != encoder->coding.rotation ||
                            (hessian->rotation != 0 && hessian->sign_seed != encoder->coding.sign_seed))) {
        return slmi_fail_call(error, SLM_E_ARGUMENT, "the Hessian is for other runs or another rotation");
    }
    const slm_allocator *allocator = &encoder->allocator;
    const uint64_t runs = elements / encoder->coding.run_length;
    job_totals sums = {0};
    const piece_shape shape = slmi_encode_piece_shape(encoder, elements);
    const uint64_t together = slmi_encode_pieces_together(encoder, shape, elements);
    encode_job *job = slmi_allocate_zeroed(allocator, 1, sizeof *job + (size_t)(WINDOW * together) * sizeof *job->window);
    if (job == NULL) {
        return slmi_fail_memory(error);
    }
    job->encoder = encoder;
    job->io = io;
    job->shape = shape;
    job->together = together;
    job->window_size = WINDOW * together;
    job->runs = runs;
    job->failed_element = UINT64_MAX;
    if (!job->shape.is_part && job->shape.segments > runs) {
        job->shape.segments = runs;
    }
    unsigned threads = encoder->threads < 1 ? 1 : encoder->threads > THREADS_MAX ? THREADS_MAX : encoder->threads;
    const uint64_t pieces = count_pieces(job);
    if (encoder->blocks != NULL) {
        slmi_block_search_prepare(encoder->blocks, runs * (encoder->coding.run_length / encoder->coding.profile.C), threads);
    }
    piece_shape largest = job->shape;
    largest.segments *= together < pieces ? together : pieces;
    threads = threads > pieces ? (unsigned)pieces : threads;
    encode_worker *workers = slmi_allocate_zeroed(allocator, threads, sizeof *workers);
    unsigned ready = 0;
    slm_status status = workers != NULL ? SLM_OK : SLM_E_MEMORY;
    while (status == SLM_OK && ready < threads) {
        status = slmi_encode_worker_create(&workers[ready], encoder, largest);
        ready += status == SLM_OK;
    }
    if (status == SLM_E_MEMORY && ready > 0) {
        status = SLM_OK; /* fewer threads need less */
    }
    if (status == SLM_OK && pthread_mutex_init(&job->lock, NULL) != 0) {
        status = SLM_E_MEMORY;
    } else if (status == SLM_OK && pthread_cond_init(&job->moved, NULL) != 0) {
        (void)pthread_mutex_destroy(&job->lock);
        status = SLM_E_MEMORY;
    } else if (status == SLM_OK) {
        status = encode_groups(job, workers, ready, runs, &sums);
        (void)pthread_cond_destroy(&job->moved);
        (void)pthread_mutex_destroy(&job->lock);
    }
    const uint64_t failed_element = job->failed_element;
    while (ready > 0) {
        slmi_encode_worker_free(&workers[--ready]);
    }
    slmi_free(allocator, workers);
    slmi_free(allocator, job);
    if (status == SLM_E_NONFINITE) {
        return slmi_fail(error, status, "ENC-2", failed_element, SLMI_NOWHERE, "weight %llu is NaN or infinite",
                         (unsigned long long)failed_element);
    }
    if (status == SLM_E_MEMORY) {
        return slmi_fail_memory(error);
    }
    if (status != SLM_OK) {
        return slmi_fail_call(error, status, "%s", slm_status_text(status));
    }
    if (report != NULL) {
        *report = (slm_encode_report){sums.search.squared_norm, sums.search.squared_error, sums.search.maximum_error, sums.search.blocks,
                                      sums.search.examined,     sums.search.weighted_norm, sums.search.weighted_error};
    }
    return SLM_OK;
}
