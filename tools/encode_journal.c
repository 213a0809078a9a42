/* tools/encode_journal.c: the journal of an encoding: its lines, when they are written, what is made of them when it is resumed. */
#include "encode_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "cleanup.h"
#include "json_text.h"
#include "message.h"
#include "positioned.h"

#define JOURNAL_BYTES_MAX ((off_t)1 << 30)
#define SUM_LETTERS 18 /* " #" and 16 digits */
#define SECONDS_DEFAULT 10

typedef struct tensor_progress {
    slm_encode_state state;                        /* the latest noted */
    uint64_t scales_recorded, code_bytes_recorded; /* how far the records go */
    bool resumed, pending;
} tensor_progress;

typedef struct tensor_trials {
    unsigned count;
    sample_trial trials[SAMPLE_TRIALS_MAX];
} tensor_trials;

typedef struct record {
    size_t tensor;
    uint64_t first_scale, first_code_byte; /* up to the state's own */
    slm_encode_state state;
    uint64_t sum;
} record;

struct encode_journal {
    const encode_job *job;
    const slm_file *file;
    int fd;
    char *path;
    uint64_t end; /* where the next line goes */
    double interval, flushed;
    bool folder_synchronised;
    bool trial_pending; /* one is written that is not durable */
    tensor_progress *tensors;
    size_t *pending;
    size_t pending_count;
    record *records; /* as read */
    size_t record_count, record_places;
    tensor_trials **trials; /* as read; NULL for a tensor without any */
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

char *journal_path(const char *part) {
    const size_t length = strlen(part) - strlen(".part"), size = length + sizeof ".journal";
    char *path = malloc(size);
    if (path != NULL)
        snprintf(path, size, "%.*s.journal", (int)length, part);
    return path;
}

/* ---- Lines ---- */

/* Adds the line's sum and its end, and writes it behind the others. */
static bool put_line(encode_journal *j, const char *text, size_t length, fault *f) {
    char *line = malloc(length + SUM_LETTERS + 2);
    if (line == NULL)
        return fault_system(f, ENOMEM, "cannot keep the journal");
    memcpy(line, text, length);
    snprintf(line + length, SUM_LETTERS + 2, " #%016" PRIx64 "\n", (uint64_t)XXH3_64bits(text, length));
    int number = positioned_write(j->fd, j->end, line, length + SUM_LETTERS + 1);
    free(line);
    if (number != 0)
        return fault_system(f, number, "cannot write the journal");
    j->end += length + SUM_LETTERS + 1;
    return true;
}

/* The length of the text of the line at `line`, or SIZE_MAX where it is cut or does not fit its sum. */
static size_t check_line(const char *line, size_t left, size_t *whole) {
    const char *end = memchr(line, '\n', left);
    if (end == NULL || end - line < SUM_LETTERS)
        return SIZE_MAX;
    const size_t length = (size_t)(end - line) - SUM_LETTERS;
    char sum[SUM_LETTERS + 1];
    snprintf(sum, sizeof sum, " #%016" PRIx64, (uint64_t)XXH3_64bits(line, length));
    *whole = (size_t)(end - line) + 1;
    return memcmp(line + length, sum, SUM_LETTERS) == 0 ? length : SIZE_MAX;
}

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double double_of(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#define RECORD_FIELDS 21

static void to_fields(const record *r, uint64_t fields[RECORD_FIELDS]) {
    const slm_encode_state *s = &r->state;
    const slm_encode_report *report = &s->report;
    const uint64_t all[RECORD_FIELDS] = {r->tensor,
                                         r->first_scale,
                                         r->first_code_byte,
                                         s->elements,
                                         s->scales,
                                         s->code_bytes,
                                         s->group,
                                         s->pieces,
                                         s->scale,
                                         bits_of(report->squared_norm),
                                         bits_of(report->squared_error),
                                         bits_of(report->maximum_error),
                                         report->blocks,
                                         report->examined,
                                         bits_of(report->weighted_norm),
                                         bits_of(report->weighted_error),
                                         s->trial,
                                         s->rule,
                                         bits_of(s->least),
                                         bits_of(s->trial_error),
                                         s->trial_examined};
    memcpy(fields, all, sizeof all);
}

static record from_fields(const uint64_t f[RECORD_FIELDS], uint64_t sum) {
    return (record){
        .tensor = (size_t)f[0],
        .first_scale = f[1],
        .first_code_byte = f[2],
        .state = {.elements = f[3],
                  .scales = f[4],
                  .code_bytes = f[5],
                  .group = f[6],
                  .pieces = f[7],
                  .scale = (uint16_t)f[8],
                  .report = {double_of(f[9]), double_of(f[10]), double_of(f[11]), f[12], f[13], double_of(f[14]), double_of(f[15])},
                  .trial = (unsigned)f[16],
                  .rule = (uint16_t)f[17],
                  .least = double_of(f[18]),
                  .trial_error = double_of(f[19]),
                  .trial_examined = f[20]},
        .sum = sum};
}

#define CODED "coded" /* a record's fields, and the sum of its bytes */
#define TRIED "tried" /* tensor, number of the trial, squared norm and error */
#define TRIED_FIELDS 4
#define FIELDS_MAX (RECORD_FIELDS + 1)

static bool put_fields(encode_journal *j, const char *word, const uint64_t *fields, size_t count, fault *f) {
    char text[FIELDS_MAX * 17 + 8];
    int length = snprintf(text, sizeof text, "%s", word);
    for (size_t i = 0; i < count; i++)
        length += snprintf(text + length, sizeof text - (size_t)length, " %" PRIx64, fields[i]);
    return put_line(j, text, (size_t)length, f);
}

/* `text` ends where its line's sum begins, with a space. */
static bool parse_fields(const char *text, const char *word, uint64_t *fields, size_t count) {
    if (strncmp(text, word, strlen(word)) != 0)
        return false;
    text += strlen(word);
    for (size_t i = 0; i < count; i++) {
        char *end;
        fields[i] = strtoull(text, &end, 16);
        if (end == text)
            return false;
        text = end;
    }
    return true;
}

static bool put_record(encode_journal *j, const record *r, fault *f) {
    uint64_t fields[RECORD_FIELDS + 1];
    to_fields(r, fields);
    fields[RECORD_FIELDS] = r->sum;
    return put_fields(j, CODED, fields, RECORD_FIELDS + 1, f);
}

/* ---- Opening ---- */

static bool read_seconds(double *seconds, fault *f) {
    const char *text = getenv("SLM_JOURNAL_SECONDS");
    char *end;
    *seconds = SECONDS_DEFAULT;
    if (text == NULL || text[0] == '\0')
        return true;
    *seconds = strtod(text, &end);
    return (*end == '\0' && *seconds >= 0 && *seconds <= 3600) ||
           fault_set(f, FAULT_USAGE, "SLM_JOURNAL_SECONDS is '%s', no number of seconds up to 3600", text);
}

static bool add_record(encode_journal *j, const record *r) {
    if (j->record_count == j->record_places) {
        size_t more = j->record_places > 0 ? 2 * j->record_places : 64;
        record *records = realloc(j->records, more * sizeof *records);
        if (records == NULL)
            return false;
        j->records = records;
        j->record_places = more;
    }
    j->records[j->record_count++] = *r;
    return true;
}

static bool is_square(double value) { return value >= 0 && isfinite(value); }

/* False where memory is short; *sound where the trial is the tensor's next. */
static bool add_trial(encode_journal *j, const uint64_t fields[TRIED_FIELDS], bool *sound) {
    const sample_trial trial = {double_of(fields[2]), double_of(fields[3])};
    *sound = false;
    if (fields[0] >= j->job->plan.count || fields[1] >= SAMPLE_TRIALS_MAX || !is_square(trial.norm) || !is_square(trial.error))
        return true;
    tensor_trials **known = &j->trials[fields[0]];
    if (*known == NULL)
        *known = calloc(1, sizeof **known);
    if (*known == NULL)
        return false;
    *sound = fields[1] == (*known)->count;
    if (*sound)
        (*known)->trials[(*known)->count++] = trial;
    return true;
}

/* Takes a line; *sound where it says something. */
static bool add_line(encode_journal *j, const char *text, bool *sound, fault *f) {
    uint64_t fields[FIELDS_MAX];
    bool ok;
    if (parse_fields(text, TRIED, fields, TRIED_FIELDS)) {
        ok = add_trial(j, fields, sound);
    } else {
        *sound = parse_fields(text, CODED, fields, RECORD_FIELDS + 1);
        const record r = *sound ? from_fields(fields, fields[RECORD_FIELDS]) : (record){0};
        ok = !*sound || add_record(j, &r);
    }
    return ok || fault_system(f, ENOMEM, "cannot read the journal");
}

/* Reads what is sound from the journal's begin on. A line that is cut or damaged ends it: it was being written when all ended. */
static bool read_lines(encode_journal *j, char *text, size_t size, const json_t *identity, fault *f) {
    size_t whole = 0;
    size_t length = check_line(text, size, &whole);
    if (length == SIZE_MAX)
        return true;
    json_error_t error;
    json_trouble trouble;
    json_t *then = json_text_read(text, length, 0, &error, &trouble);
    if (trouble == JSON_NO_MEMORY || trouble == JSON_TOO_COSTLY)
        return fault_system(f, ENOMEM, "cannot read the journal");
    bool same = then == NULL || identity_same(then, identity, f);
    json_decref(then);
    if (!same)
        return false;
    if (then == NULL)
        return true;
    for (size_t at = whole; at < size; at += whole) {
        bool sound = check_line(text + at, size - at, &whole) != SIZE_MAX;
        if (sound && !add_line(j, text + at, &sound, f))
            return false;
        if (!sound)
            break;
        j->end = at + whole;
    }
    if (j->end == 0)
        j->end = whole;
    return true;
}

static bool read_journal(encode_journal *j, const json_t *identity, fault *f) {
    const off_t size = lseek(j->fd, 0, SEEK_END);
    if (size < 0)
        return fault_system(f, errno, "cannot read the journal");
    if (size > JOURNAL_BYTES_MAX)
        return fault_set(f, FAULT_USAGE, "cannot resume: the journal '%s' is too large", j->path);
    char *text = malloc((size_t)size + 1);
    int number = text == NULL ? ENOMEM : positioned_read(j->fd, 0, text, (size_t)size);
    bool ok = number == 0 || fault_system(f, number, "cannot read the journal");
    if (ok)
        text[size] = '\0';
    ok = ok && read_lines(j, text, (size_t)size, identity, f);
    free(text);
    return ok;
}

/* Its name was registered with the part's, and goes with it. */
static int create_file(encode_journal *j) {
    cleanup_lock();
    unlink(j->path); /* of an earlier run whose part is gone */
    j->fd = open(j->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0666);
    const int number = j->fd >= 0 ? 0 : errno;
    cleanup_unlock();
    return number;
}

/* Opens an existing journal, or makes one; it is this user's own where the part is. */
static int open_file(encode_journal *j, bool found) {
    if (found) {
        j->fd = open(j->path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (j->fd >= 0 || errno != ENOENT)
            return j->fd >= 0 ? 0 : errno;
    }
    return create_file(j);
}

static bool start(encode_journal *j, bool found, fault *f) {
    json_t *identity = identity_make(j->job, f);
    if (identity == NULL)
        return false;
    int number = open_file(j, found);
    bool ok = number == 0 || fault_system(f, number, "cannot open the journal '%s'", j->path);
    ok = ok && read_journal(j, identity, f);
    if (ok && ftruncate(j->fd, (off_t)j->end) != 0)
        ok = fault_system(f, errno, "cannot write the journal");
    if (ok && j->end == 0) {
        char *text = json_text_make(identity, JSON_COMPACT);
        ok = text != NULL ? put_line(j, text, strlen(text), f) : fault_system(f, ENOMEM, "cannot keep the journal");
        free(text);
    }
    json_decref(identity);
    return ok;
}

bool journal_open(encode_journal **journal, const encode_job *job, const slm_file *file, const char *path, bool found, fault *f) {
    encode_journal *j = calloc(1, sizeof *j);
    if (j == NULL)
        return fault_system(f, ENOMEM, "cannot keep a journal");
    const size_t count = job->plan.count > 0 ? job->plan.count : 1;
    *j = (encode_journal){.job = job,
                          .file = file,
                          .fd = -1,
                          .path = strdup(path),
                          .flushed = now(),
                          .tensors = calloc(count, sizeof *j->tensors),
                          .pending = calloc(count, sizeof *j->pending),
                          .trials = calloc(count, sizeof(tensor_trials *))};
    bool ok = (j->path != NULL && j->tensors != NULL && j->pending != NULL && j->trials != NULL) ||
              fault_system(f, ENOMEM, "cannot keep a journal");
    if (!(ok && read_seconds(&j->interval, f) && start(j, found, f))) {
        journal_close(j);
        return false;
    }
    *journal = j;
    return true;
}

void journal_close(encode_journal *j) {
    if (j == NULL)
        return;
    if (j->fd >= 0)
        close(j->fd);
    free(j->path);
    free(j->tensors);
    free(j->pending);
    free(j->records);
    for (size_t i = 0; j->trials != NULL && i < j->job->plan.count; i++)
        free(j->trials[i]);
    free(j->trials);
    free(j);
}

/* ---- The bytes a record speaks of ---- */

/* Where scale number `scale` lies in the payload; behind the last is the padding that was written with it. */
static uint64_t scale_byte(const slm_tensor *t, uint64_t scale) { return scale == t->scales ? t->codes_offset : 2 * scale; }

static bool add_bytes(XXH3_state_t *state, const slm_writer *writer, size_t tensor, uint64_t from, uint64_t to) {
    uint8_t buffer[16384];
    while (from < to) {
        size_t piece = to - from < sizeof buffer ? (size_t)(to - from) : sizeof buffer;
        if (slm_writer_read(writer, tensor, from, piece, buffer, NULL) != SLM_OK)
            return false;
        XXH3_64bits_update(state, buffer, piece);
        from += piece;
    }
    return true;
}

/* The sum of the record's bytes as they are in the part; false where they are not there. */
static bool sum_bytes(const encode_journal *j, const slm_writer *writer, const record *r, uint64_t *sum) {
    const slm_tensor *t = slm_layout_tensor(j->job->layout, r->tensor);
    const uint64_t codes = t->codes_offset;
    XXH3_state_t *state = XXH3_createState();
    bool ok = state != NULL && XXH3_64bits_reset(state) == XXH_OK &&
              add_bytes(state, writer, r->tensor, scale_byte(t, r->first_scale), scale_byte(t, r->state.scales)) &&
              add_bytes(state, writer, r->tensor, codes + r->first_code_byte, codes + r->state.code_bytes);
    if (ok)
        *sum = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return ok;
}

/* ---- Resuming ---- */

/* Whether the record continues what is known of its tensor, and its bytes are there. One that does not is passed over: bytes that were lost
 * are coded again, and recorded again. */
static bool take_record(encode_journal *j, const slm_writer *writer, const record *r) {
    const slm_tensor *t = slm_layout_tensor(j->job->layout, r->tensor);
    if (t == NULL || t->coding == SLM_CODING_RAW)
        return false;
    tensor_progress *p = &j->tensors[r->tensor];
    uint64_t sum;
    if (r->first_scale != p->scales_recorded || r->first_code_byte != p->code_bytes_recorded || r->state.scales < r->first_scale ||
        r->state.scales > t->scales || r->state.code_bytes < r->first_code_byte ||
        r->state.code_bytes > t->payload_size - t->codes_offset || r->state.elements > t->elements)
        return false;
    if (!sum_bytes(j, writer, r, &sum) || sum != r->sum)
        return false;
    p->state = r->state;
    p->scales_recorded = r->state.scales;
    p->code_bytes_recorded = r->state.code_bytes;
    p->resumed = true;
    return true;
}

bool journal_apply(encode_journal *j, slm_writer *writer, uint64_t *elements, fault *f) {
    size_t passed_over = 0;
    *elements = 0;
    for (size_t i = 0; i < j->record_count; i++)
        passed_over += !take_record(j, writer, &j->records[i]);
    if (passed_over > 0)
        message_warning("%s: %zu of %zu records do not fit the unfinished file; what they told of is coded again", j->path, passed_over,
                        j->record_count);
    for (size_t i = 0; i < j->job->plan.count; i++) {
        const tensor_progress *p = &j->tensors[i];
        const slm_tensor *t = slm_layout_tensor(j->job->layout, i);
        if (!p->resumed)
            continue;
        slm_error error = {0};
        slm_status status = slm_writer_adopt(writer, i, 0, scale_byte(t, p->state.scales), &error);
        if (status == SLM_OK)
            status = slm_writer_adopt(writer, i, t->codes_offset, p->state.code_bytes, &error);
        if (status != SLM_OK)
            return fault_slm(f, status, &error, "cannot resume");
        *elements += p->state.elements;
    }
    return true;
}

const slm_encode_state *journal_state(const encode_journal *j, size_t tensor) {
    return j->tensors[tensor].resumed ? &j->tensors[tensor].state : NULL;
}

/* ---- Noting ---- */

/* Makes the names of part and journal durable, once there is something in them to be found. */
static void synchronise_folder(encode_journal *j) {
    const char *slash = strrchr(j->path, '/');
    char *folder = slash == NULL ? strdup(".") : strndup(j->path, (size_t)(slash - j->path) + 1);
    int fd = folder != NULL ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    free(folder);
    if (fd < 0)
        return;
    (void)make_durable(fd); /* not every file system can */
    close(fd);
    j->folder_synchronised = true;
}

bool journal_flush(encode_journal *j, const slm_writer *writer, bool at_once, fault *f) {
    if (!at_once && now() - j->flushed < j->interval)
        return true;
    slm_error error = {0};
    slm_status status = j->pending_count > 0 ? slm_file_sync(j->file, &error) : SLM_OK;
    if (status != SLM_OK)
        return fault_slm(f, status, &error, "cannot write");
    const bool any = j->pending_count > 0 || j->trial_pending;
    if (any && !j->folder_synchronised)
        synchronise_folder(j);
    for (size_t i = 0; i < j->pending_count; i++) {
        tensor_progress *p = &j->tensors[j->pending[i]];
        record r = {
            .tensor = j->pending[i], .first_scale = p->scales_recorded, .first_code_byte = p->code_bytes_recorded, .state = p->state};
        if (!sum_bytes(j, writer, &r, &r.sum))
            return fault_set(f, FAULT_SYSTEM, "cannot read back what was written");
        if (!put_record(j, &r, f))
            return false;
        p->scales_recorded = p->state.scales;
        p->code_bytes_recorded = p->state.code_bytes;
        p->pending = false;
    }
    int number = any ? make_durable(j->fd) : 0;
    if (number != 0)
        return fault_system(f, number, "cannot write the journal");
    j->pending_count = 0;
    j->trial_pending = false;
    j->flushed = now();
    return true;
}

bool journal_trial(const encode_journal *j, size_t tensor, unsigned number, sample_trial *trial) {
    const tensor_trials *known = j->trials[tensor];
    if (known == NULL || number >= known->count)
        return false;
    *trial = known->trials[number];
    return true;
}

bool journal_note_trial(encode_journal *j, size_t tensor, unsigned number, const sample_trial *trial, fault *f) {
    const uint64_t fields[TRIED_FIELDS] = {tensor, number, bits_of(trial->norm), bits_of(trial->error)};
    j->trial_pending = true;
    return put_fields(j, TRIED, fields, TRIED_FIELDS, f) && journal_flush(j, NULL, false, f);
}

bool journal_note(encode_journal *j, const slm_writer *writer, size_t tensor, const slm_encode_state *state, fault *f) {
    tensor_progress *p = &j->tensors[tensor];
    p->state = *state;
    if (!p->pending)
        j->pending[j->pending_count++] = tensor;
    p->pending = true;
    return journal_flush(j, writer, false, f);
}
