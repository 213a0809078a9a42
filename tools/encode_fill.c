/* tools/encode_fill.c: one pass over the checkpoint: raw tensors copied in pieces, the others searched; and the estimate of its time. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xxhash.h>

#include "command.h"
#include "encode_journal.h"
#include "human.h"
#include "message.h"
#include "profile_text.h"

#define COPY_BYTES ((size_t)1 << 20)
#define READ_ELEMENTS 8192
#define SAMPLE_ELEMENTS 32768

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- Encoders: one for each profile and kind of scale, since their tables cost time and memory ---- */

typedef struct encoder_slot {
    slm_profile profile;
    bool scale_per_run;
    slm_encoder *encoder;
} encoder_slot;

typedef struct encoder_set {
    encoder_slot *slots;
    size_t count;
    hessian_holder hessian;
} encoder_set;

static bool set_weights(const encode_job *job, encoder_set *set, slm_encoder *encoder, const plan_tensor *entry, fault *f) {
    const importance_vector *vector = entry->importance;
    const slm_hessian *hessian;
    slm_error error = {0};
    for (size_t i = 0; i < set->count; i++) /* the one held may be freed now */
        (void)slm_encoder_set_hessian(set->slots[i].encoder, NULL, NULL);
    const slm_encoder_options options = {.struct_size = sizeof options, .threads = job->threads, .kernel = kernel_wanted()};
    if (!hessian_hold(&set->hessian, job->rules.hessian, entry->hessian, &entry->coding, &options, &hessian, f))
        return false;
    slm_status status =
        slm_encoder_set_importance(encoder, vector != NULL ? vector->values : NULL, vector != NULL ? vector->columns : 0, &error);
    if (status == SLM_OK)
        status = slm_encoder_set_hessian(encoder, hessian, &error);
    return status == SLM_OK || fault_slm(f, status, &error, "cannot set the search up");
}

/* An encoder ready for that coding and importance or Hessian. */
static bool get_encoder(const encode_job *job, encoder_set *set, const plan_tensor *entry, slm_encoder **encoder, fault *f) {
    const slm_coding *coding = &entry->coding;
    for (size_t i = 0; i < set->count; i++) {
        encoder_slot *slot = &set->slots[i];
        if (!profile_same(&slot->profile, &coding->profile) || slot->scale_per_run != entry->scale_per_run)
            continue;
        slm_status status = slm_encoder_retarget(slot->encoder, coding->run_length, coding->rotation, coding->sign_seed);
        *encoder = slot->encoder;
        if (status != SLM_OK)
            return fault_slm(f, status, NULL, "cannot set the search up");
        return set_weights(job, set, slot->encoder, entry, f);
    }
    encoder_slot *slots = realloc(set->slots, (set->count + 1) * sizeof *slots);
    if (slots == NULL)
        return fault_system(f, ENOMEM, "cannot set the search up");
    set->slots = slots;
    encoder_slot *slot = &slots[set->count];
    *slot = (encoder_slot){.profile = coding->profile, .scale_per_run = entry->scale_per_run};
    slm_encoder_options options = {.struct_size = sizeof options,
                                   .search = job->rules.search,
                                   .scale_per_run = entry->scale_per_run,
                                   .scale_candidates = job->rules.scale_candidates,
                                   .threads = job->threads,
                                   .kernel = kernel_wanted()};
    slm_error error = {0};
    slm_status status = slm_encoder_create(&slot->encoder, coding, &options, &error);
    if (status != SLM_OK)
        return fault_slm(f, status, &error, "cannot set the search up");
    set->count++;
    *encoder = slot->encoder;
    return set_weights(job, set, slot->encoder, entry, f);
}

static void free_encoders(encoder_set *set) {
    for (size_t i = 0; i < set->count; i++)
        slm_encoder_free(set->slots[i].encoder);
    free(set->slots);
    hessian_release(&set->hessian);
    *set = (encoder_set){0};
}

/* ---- Coded tensors ---- */

/* What the search's callbacks need. They are called by many threads: the first fault is kept. */
typedef struct search_io {
    encode_job *job;
    slm_writer *writer;
    size_t tensor;
    slm_dtype dtype;
    pthread_mutex_t lock;
    bool failed;
    fault fault;
} search_io;

static void keep_fault(search_io *io, const fault *f) {
    pthread_mutex_lock(&io->lock);
    if (!io->failed)
        io->fault = *f;
    io->failed = true;
    pthread_mutex_unlock(&io->lock);
}

static slm_status read_weights(void *context, uint64_t first, size_t count, float *weights) {
    search_io *io = context;
    unsigned bytes = slm_dtype_bits(io->dtype) / 8;
    uint8_t piece[READ_ELEMENTS * 4];
    while (count > 0) {
        size_t n = count < READ_ELEMENTS ? count : READ_ELEMENTS;
        fault f;
        if (!checkpoint_read_at(io->job->cp, first * bytes, piece, n * bytes, &f)) {
            keep_fault(io, &f);
            return SLM_E_IO;
        }
        slm_widen(io->dtype, piece, n, weights);
        first += n;
        weights += n;
        count -= n;
    }
    return SLM_OK;
}

static slm_status written(search_io *io, slm_status status, const slm_error *error) {
    if (status == SLM_OK)
        return SLM_OK;
    fault f;
    fault_slm(&f, status, error, "cannot write");
    keep_fault(io, &f);
    return status;
}

static slm_status write_scales(void *context, uint64_t first, size_t count, const uint16_t *scales) {
    search_io *io = context;
    slm_error error = {0};
    return written(io, slm_writer_write_scales(io->writer, io->tensor, first, count, scales, &error), &error);
}

static slm_status write_codes(void *context, uint64_t offset, size_t size, const uint8_t *codes) {
    search_io *io = context;
    slm_error error = {0};
    return written(io, slm_writer_write_codes(io->writer, io->tensor, offset, size, codes, &error), &error);
}

static slm_status save_state(void *context, const slm_encode_state *state) {
    search_io *io = context;
    fault f;
    if (journal_note(io->job->journal, io->writer, io->tensor, state, &f))
        return SLM_OK;
    keep_fault(io, &f);
    return SLM_E_IO;
}

static int show_progress(void *context, uint64_t elements) {
    const search_io *io = context;
    progress_add(io->job->progress, elements);
    return 0;
}

/* Searches what `resume` (NULL: nothing) does not say is done. */
static bool search_tensor(encode_job *job, slm_writer *writer, encoder_set *set, size_t tensor, const slm_encode_state *resume, fault *f) {
    const safetensors_tensor *t = checkpoint_tensor(job->cp, tensor);
    slm_encoder *encoder;
    if (!get_encoder(job, set, &job->plan.tensors[tensor], &encoder, f) || !checkpoint_hold(job->cp, f))
        return false;
    search_io context = {.job = job, .writer = writer, .tensor = tensor, .dtype = t->dtype, .lock = PTHREAD_MUTEX_INITIALIZER};
    slm_encode_io io = {.context = &context,
                        .read = read_weights,
                        .write_scales = write_scales,
                        .write_codes = write_codes,
                        .progress = show_progress,
                        .save = job->journal != NULL ? save_state : NULL,
                        .resume = resume};
    slm_error error = {0};
    slm_status status = slm_encode_tensor(encoder, t->elements, &io, &job->results[tensor].report, &error);
    pthread_mutex_destroy(&context.lock);
    if (context.failed) {
        *f = context.fault;
        return false;
    }
    return status == SLM_OK || fault_slm(f, status, &error, "tensor '%s'", t->name);
}

static bool encode_tensor(encode_job *job, slm_writer *writer, encoder_set *set, size_t tensor, fault *f) {
    tensor_result *result = &job->results[tensor];
    const slm_encode_state *known = job->journal != NULL ? journal_state(job->journal, tensor) : NULL;
    const slm_encode_state resume = known != NULL ? *known : (slm_encode_state){0};
    if (resume.elements == checkpoint_tensor(job->cp, tensor)->elements)
        result->report = resume.report;
    else if (!search_tensor(job, writer, set, tensor, known != NULL ? &resume : NULL, f))
        return false;
    result->source_sum = job->plan.tensors[tensor].scan.sum;
    result->error = -1;
    if (result->report.squared_norm > 0)
        result->error = (float)sqrt(result->report.squared_error / result->report.squared_norm);
    else if (result->report.squared_error == 0)
        result->error = 0;
    return true;
}

/* ---- Raw tensors and side files ---- */

static bool copy_raw(encode_job *job, slm_writer *writer, size_t tensor, uint8_t *buffer, XXH3_state_t *state, fault *f) {
    const safetensors_tensor *t = checkpoint_tensor(job->cp, tensor);
    XXH3_64bits_reset(state);
    for (uint64_t at = 0, size = t->end - t->begin; at < size;) {
        size_t piece = size - at < COPY_BYTES ? (size_t)(size - at) : COPY_BYTES;
        if (!checkpoint_read(job->cp, buffer, piece, f))
            return false;
        XXH3_64bits_update(state, buffer, piece);
        slm_error error = {0};
        slm_status status = slm_writer_write(writer, tensor, at, piece, buffer, &error);
        if (status != SLM_OK)
            return fault_slm(f, status, &error, "tensor '%s': cannot write", t->name);
        if (job->journal != NULL && !journal_flush(job->journal, writer, false, f))
            return false;
        at += piece;
    }
    job->results[tensor] = (tensor_result){.source_sum = XXH3_64bits_digest(state), .error = -1};
    return true;
}

static bool copy_side_files(encode_job *job, slm_writer *writer, uint8_t *buffer, fault *f) {
    for (uint64_t at = 0, size = checkpoint_side_size(job->cp); at < size;) {
        size_t piece = size - at < COPY_BYTES ? (size_t)(size - at) : COPY_BYTES;
        if (!checkpoint_side_read(job->cp, at, buffer, piece, f))
            return false;
        slm_error error = {0};
        slm_status status = slm_writer_write(writer, job->side_payload, at, piece, buffer, &error);
        if (status != SLM_OK)
            return fault_slm(f, status, &error, "side files: cannot write");
        at += piece;
    }
    return true;
}

static bool fill_tensors(encode_job *job, slm_writer *writer, uint8_t *buffer, XXH3_state_t *state, fault *f) {
    encoder_set set = {0};
    bool ok = checkpoint_rewind(job->cp, f);
    while (ok) {
        size_t tensor;
        ok = checkpoint_next(job->cp, &tensor, f);
        if (!ok || tensor == SIZE_MAX)
            break;
        progress_item(job->progress, checkpoint_tensor(job->cp, tensor)->name);
        ok = job->plan.tensors[tensor].reason == NULL ? encode_tensor(job, writer, &set, tensor, f)
                                                      : copy_raw(job, writer, tensor, buffer, state, f);
        if (ok)
            slm_writer_set_result(writer, tensor, job->results[tensor].source_sum, job->results[tensor].error);
    }
    free_encoders(&set);
    return ok;
}

/* Takes over what an earlier run had finished. */
static bool resume_fill(encode_job *job, slm_writer *writer, fault *f) {
    if (job->journal == NULL)
        return true;
    if (!journal_apply(job->journal, writer, &job->resumed, f))
        return false;
    human h1, h2;
    if (job->resumed > 0)
        message_note("resumed: %s of %s weights to be coded are there", human_count(&h1, job->resumed),
                     human_count(&h2, job->plan.coded_elements));
    progress_add(job->progress, job->resumed);
    return true;
}

bool encode_fill(encode_job *job, fault *f) {
    double start = now();
    slm_error error = {0};
    slm_writer *writer = NULL;
    slm_status status = slm_writer_create(&writer, job->layout, &job->sink, &error);
    if (status != SLM_OK)
        return fault_slm(f, status, &error, "cannot lay the file out");
    uint8_t *buffer = malloc(COPY_BYTES);
    XXH3_state_t *state = XXH3_createState();
    bool ok = (buffer != NULL && state != NULL) || fault_system(f, ENOMEM, "cannot encode");
    ok = ok && resume_fill(job, writer, f) && fill_tensors(job, writer, buffer, state, f) && copy_side_files(job, writer, buffer, f);
    fault ignored; /* where something has failed, this may, too */
    if (job->journal != NULL && !journal_flush(job->journal, writer, true, ok ? f : &ignored))
        ok = false;
    if (ok) {
        status = slm_writer_finish(writer, &error);
        ok = status == SLM_OK || fault_slm(f, status, &error, "cannot finish the file");
    }
    slm_writer_free(writer);
    XXH3_freeState(state);
    free(buffer);
    job->seconds = now() - start;
    return ok;
}

/* ---- The estimate ---- */

/* About normal weights: sums of uniform numbers from a fixed generator. */
static void draw_sample(float *weights, size_t count) {
    uint64_t x = 0x9E3779B97F4A7C15;
    for (size_t i = 0; i < count; i++) {
        float sum = 0;
        for (int j = 0; j < 6; j++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            sum += (float)(int32_t)(uint32_t)(x >> 32) * 0x1p-31F;
        }
        weights[i] = 0.02F * sum;
    }
}

/* Seconds a weight takes with that coding and the threads asked for; negative where it failed. */
static double measure(const encode_job *job, const plan_tensor *entry) {
    plan_tensor sample = *entry;
    uint64_t wanted = (uint64_t)SAMPLE_ELEMENTS * (job->threads > 0 ? job->threads : 1);
    uint64_t run = entry->coding.run_length < wanted ? entry->coding.run_length : wanted;
    sample.coding.run_length = run;
    if (run % ((uint64_t)1 << sample.coding.rotation) != 0)
        sample.coding.rotation = 0, sample.coding.sign_seed = 0;
    uint64_t runs = wanted / run > 0 ? wanted / run : 1, elements = runs * run;
    uint64_t code_bytes = runs * slm_profile_run_bytes(&sample.coding.profile, run);
    float *weights = malloc((size_t)elements * sizeof *weights);
    uint16_t *scales = malloc((size_t)runs * sizeof *scales);
    uint8_t *codes = malloc((size_t)code_bytes);
    encoder_set set = {0};
    slm_encoder *encoder;
    fault f;
    double seconds = -1;
    if (weights != NULL && scales != NULL && codes != NULL && get_encoder(job, &set, &sample, &encoder, &f)) {
        slm_encode_report report;
        draw_sample(weights, (size_t)elements);
        double start = now();
        if (slm_encode_memory(encoder, elements, weights, scales, codes, &report, NULL) == SLM_OK)
            seconds = (now() - start) / (double)elements;
    }
    free_encoders(&set);
    free(weights);
    free(scales);
    free(codes);
    return seconds;
}

double encode_estimate(const encode_job *job) {
    double total = 0;
    for (size_t i = 0; i < job->plan.count; i++) {
        const plan_tensor *entry = &job->plan.tensors[i];
        bool first = entry->reason == NULL;
        double elements = 0;
        for (size_t j = 0; first && j < job->plan.count; j++) {
            const plan_tensor *other = &job->plan.tensors[j];
            if (other->reason != NULL || !profile_same(&other->coding.profile, &entry->coding.profile))
                continue;
            first = j >= i; /* an earlier one of this profile has counted it */
            elements += (double)checkpoint_tensor(job->cp, j)->elements;
        }
        if (!first)
            continue;
        double each = measure(job, entry);
        if (each < 0)
            return -1;
        total += each * elements;
    }
    return total;
}
