/* tools/decode_pieces.c: a ring of pieces that worker threads fill and the caller's thread empties in order. */
#include "decode_pieces.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "dtype_convert.h"

#define PIECE_ELEMENTS ((uint64_t)1 << 18)
#define PIECE_BYTES ((size_t)1 << 20) /* 4 for each of them; raw tensors of other types are cut by bytes */

typedef enum slot_state { SLOT_FREE, SLOT_TAKEN, SLOT_READY } slot_state;

typedef struct slot {
    slot_state state;
    size_t tensor;
    uint64_t first; /* element; byte where the tensor is copied as it is */
    uint64_t count;
    uint64_t elements;
    size_t size;
    bool failed;
    fault fault;
    uint8_t *bytes, *scratch; /* PIECE_BYTES each; scratch for what is converted */
} slot;

typedef struct ring {
    const slm_reader *reader;
    slm_dtype dtype;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    slot *slots;
    size_t slot_count;
    /* Next to be handed to a worker, and how many were; next to be emptied is slots[emptied % slot_count]. */
    size_t tensor, end_tensor;
    uint64_t at;
    uint64_t handed, emptied;
    bool stop;
} ring;

slm_dtype decoded_dtype(const slm_tensor *tensor, slm_dtype wanted) {
    return wanted != 0 && slm_dtype_is_codable(tensor->dtype) ? wanted : tensor->dtype;
}

/* Raw and wanted as it is: cut by bytes, so that elements smaller than one cause no trouble. */
static bool is_copied(const ring *r, const slm_tensor *t) { return t->coding == SLM_CODING_RAW && decoded_dtype(t, r->dtype) == t->dtype; }

/* Elements a piece, whole runs where they are short enough: they are searched from their begin. */
static uint64_t piece_length(const slm_tensor *t) {
    if (t->coding == SLM_CODING_RAW || t->run_length >= PIECE_ELEMENTS)
        return PIECE_ELEMENTS;
    return PIECE_ELEMENTS / t->run_length * t->run_length;
}

static void fill(const ring *r, slot *s) {
    const slm_tensor *t = slm_reader_tensor(r->reader, s->tensor);
    slm_dtype dtype = decoded_dtype(t, r->dtype);
    slm_error error = {0};
    slm_status status;
    if (is_copied(r, t)) {
        s->size = (size_t)s->count;
        status = slm_reader_read(r->reader, s->tensor, s->first, s->count, s->bytes, &error);
    } else {
        s->size = (size_t)s->count * slm_dtype_bits(dtype) / 8;
        bool convert = t->coding == SLM_CODING_RAW;
        status = slm_reader_decode(r->reader, s->tensor, s->first, s->count, convert ? t->dtype : dtype, convert ? s->scratch : s->bytes,
                                   &error);
        if (status == SLM_OK && convert)
            dtype_convert(t->dtype, s->scratch, dtype, s->bytes, (size_t)s->count);
    }
    s->failed = status != SLM_OK && !fault_slm(&s->fault, status, &error, "tensor '%s'", t->name);
}

/* Takes the next piece of work; NULL when there is none any more. Called with the lock held; waits for a free slot. */
static slot *take_work(ring *r) {
    slot *s = &r->slots[r->handed % r->slot_count];
    while (!r->stop && r->tensor < r->end_tensor && r->handed - r->emptied == r->slot_count) {
        pthread_cond_wait(&r->changed, &r->lock);
        s = &r->slots[r->handed % r->slot_count];
    }
    for (; !r->stop && r->tensor < r->end_tensor; r->tensor++, r->at = 0) {
        const slm_tensor *t = slm_reader_tensor(r->reader, r->tensor);
        bool copied = is_copied(r, t);
        uint64_t total = copied ? t->payload_size : t->elements, most = copied ? PIECE_BYTES : piece_length(t);
        if (r->at == total)
            continue;
        s->tensor = r->tensor;
        s->first = r->at;
        s->count = total - r->at < most ? total - r->at : most;
        s->elements = copied ? s->count * 8 / slm_dtype_bits(t->dtype) : s->count;
        s->state = SLOT_TAKEN;
        r->at += s->count;
        r->handed++;
        return s;
    }
    return NULL;
}

static void *work(void *context) {
    ring *r = context;
    pthread_mutex_lock(&r->lock);
    for (slot *s; (s = take_work(r)) != NULL;) {
        pthread_mutex_unlock(&r->lock);
        fill(r, s);
        pthread_mutex_lock(&r->lock);
        s->state = SLOT_READY;
        pthread_cond_broadcast(&r->changed);
    }
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* Empties the ring in order until all is done or something fails. */
static bool empty_ring(ring *r, piece_taker take, void *context, fault *f) {
    bool ok = true;
    pthread_mutex_lock(&r->lock);
    for (;;) {
        slot *s = &r->slots[r->emptied % r->slot_count];
        while (s->state != SLOT_READY && !(r->tensor == r->end_tensor && r->handed == r->emptied))
            pthread_cond_wait(&r->changed, &r->lock);
        if (s->state != SLOT_READY)
            break;
        pthread_mutex_unlock(&r->lock);
        if (s->failed)
            *f = s->fault;
        ok = !s->failed && take(context, s->tensor, s->bytes, s->size, s->elements, f);
        pthread_mutex_lock(&r->lock);
        s->state = SLOT_FREE;
        r->emptied++;
        r->stop = !ok;
        pthread_cond_broadcast(&r->changed);
        if (!ok)
            break;
    }
    pthread_mutex_unlock(&r->lock);
    return ok;
}

static bool make_slots(ring *r, unsigned threads) {
    r->slot_count = 2 * (size_t)threads;
    r->slots = calloc(r->slot_count, sizeof *r->slots);
    for (size_t i = 0; r->slots != NULL && i < r->slot_count; i++) {
        r->slots[i].bytes = malloc(PIECE_BYTES);
        r->slots[i].scratch = r->dtype != 0 ? malloc(PIECE_BYTES) : NULL;
        if (r->slots[i].bytes == NULL || (r->dtype != 0 && r->slots[i].scratch == NULL))
            return false;
    }
    return r->slots != NULL;
}

static void free_slots(ring *r) {
    for (size_t i = 0; r->slots != NULL && i < r->slot_count; i++) {
        free(r->slots[i].bytes);
        free(r->slots[i].scratch);
    }
    free(r->slots);
}

bool decode_tensors(const slm_reader *reader, size_t first, size_t count, slm_dtype dtype, unsigned threads, piece_taker take,
                    void *context, fault *f) {
    threads = threads > 0 ? threads : 1;
    ring r = {.reader = reader,
              .dtype = dtype,
              .lock = PTHREAD_MUTEX_INITIALIZER,
              .changed = PTHREAD_COND_INITIALIZER,
              .tensor = first,
              .end_tensor = first + count};
    pthread_t *workers = calloc(threads, sizeof *workers);
    bool ok = (make_slots(&r, threads) && workers != NULL) || fault_system(f, ENOMEM, "cannot decode");
    unsigned started = 0;
    int number = 0;
    while (ok && number == 0 && started < threads) {
        number = pthread_create(&workers[started], NULL, work, &r);
        started += number == 0;
    }
    if (ok && started == 0) /* fewer than asked for are enough */
        ok = fault_system(f, number, "cannot start a thread");
    ok = ok && empty_ring(&r, take, context, f);
    pthread_mutex_lock(&r.lock);
    r.stop = true;
    pthread_cond_broadcast(&r.changed);
    pthread_mutex_unlock(&r.lock);
    for (unsigned i = 0; i < started; i++)
        pthread_join(workers[i], NULL);
    free_slots(&r);
    free(workers);
    pthread_mutex_destroy(&r.lock);
    pthread_cond_destroy(&r.changed);
    return ok;
}
