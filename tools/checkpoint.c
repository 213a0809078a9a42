/* tools/checkpoint.c: opening a checkpoint: what the input is, its sources in order, the checks across them. Reading the data:
 * checkpoint_read.c. */
#include "checkpoint_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "member_path.h"
#include "positioned.h"

void checkpoint_warn(const checkpoint *cp, const char *format, ...) {
    if (cp->options.warn == NULL)
        return;
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    cp->options.warn(cp->options.context, text);
}

void checkpoint_progress(const checkpoint *cp, uint64_t bytes) {
    if (cp->options.progress != NULL)
        cp->options.progress(cp->options.context, bytes);
}

file_identity file_identity_of(const struct stat *about) {
    return (file_identity){.device = about->st_dev, .inode = about->st_ino, .size = about->st_size, .modified = about->st_mtim};
}

bool checkpoint_add_source(checkpoint *cp, char *name, char *member, safetensors *st, checkpoint_scan *scans, const file_identity *identity,
                           fault *f) {
    bool room = cp->source_count < cp->source_room;
    if (!room) {
        const size_t more = cp->source_room > 0 ? 2 * cp->source_room : 64;
        checkpoint_source *sources = realloc(cp->sources, more * sizeof *sources);
        if (sources != NULL)
            cp->sources = sources;
        source_state *states = sources != NULL ? realloc(cp->states, more * sizeof *states) : NULL;
        if (states != NULL)
            cp->states = states;
        room = states != NULL;
        cp->source_room = room ? more : cp->source_room;
    }
    if (name == NULL || !room) {
        free(name);
        free(member);
        free(scans);
        safetensors_free(st);
        return fault_system(f, ENOMEM, "cannot list the model's files");
    }
    cp->sources[cp->source_count] = (checkpoint_source){.name = name, .name_length = strlen(name), .st = *st};
    cp->states[cp->source_count] = (source_state){.member = member, .scans = scans};
    if (identity != NULL)
        cp->states[cp->source_count].identity = *identity;
    cp->source_count++;
    *st = (safetensors){0};
    return true;
}

bool checkpoint_pack_side(checkpoint *cp, side_content content, void *context, fault *f) {
    if (cp->options.no_side_files)
        side_list_free(&cp->side);
    if (!side_list_sort(&cp->side, f))
        return false;
    if (cp->side.count == 0)
        return true;
    int number = unnamed_file(&cp->side_fd);
    if (number != 0)
        return fault_system(f, number, "cannot create a temporary file for the side files");
    return side_pack(&cp->side, content, context, cp->side_fd, &cp->side_size, f);
}

/* ---- What the input is ---- */

/* Copies a stream to a file without name, which takes its place. */
static bool spool(int *fd, fault *f) {
    int target = -1;
    int number = unnamed_file(&target);
    uint8_t *buffer = malloc(CHECKPOINT_BUFFER);
    if (buffer == NULL)
        number = ENOMEM;
    for (size_t got = 1; number == 0 && got > 0;) {
        number = read_some(*fd, buffer, CHECKPOINT_BUFFER, &got);
        if (number != 0) {
            fault_system(f, number, "cannot read");
        } else {
            number = write_all(target, buffer, got);
            if (number != 0)
                fault_system(f, number, "cannot put the stream aside in a temporary file");
        }
    }
    if (number != 0 && (target < 0 || buffer == NULL))
        fault_system(f, number, "cannot create a temporary file for the stream");
    free(buffer);
    if (number != 0) {
        if (target >= 0)
            close(target);
        return false;
    }
    close(*fd);
    *fd = target;
    return true;
}

/* An archive by its first bytes or, where those say nothing (tar before 1988), by the file's name. */
static bool looks_like_archive(const uint8_t *bytes, size_t size, const char *path) {
    static const char *const suffixes[] = {".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst", ".zip"};
    if ((size >= 4 && (memcmp(bytes, "PK\3\4", 4) == 0 || memcmp(bytes, "PK\5\6", 4) == 0 || memcmp(bytes, "\x28\xB5\x2F\xFD", 4) == 0)) ||
        (size >= 2 && memcmp(bytes, "\x1F\x8B", 2) == 0) || (size >= 262 && memcmp(bytes + 257, "ustar", 5) == 0))
        return true;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
        if (ends_with(path, suffixes[i]))
            return true;
    return false;
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static bool open_safetensors(checkpoint *cp, fault *f) {
    safetensors st;
    if (!safetensors_read(&st, cp->fd, f))
        return false;
    struct stat about;
    if (fstat(cp->fd, &about) != 0) {
        safetensors_free(&st);
        return fault_system(f, errno, "cannot examine");
    }
    file_identity identity = file_identity_of(&about);
    const char *name = strcmp(cp->path, "-") == 0 ? "" : base_name(cp->path);
    if (!text_is_utf8(name, strlen(name)) || strchr(name, '\\') != NULL) {
        checkpoint_warn(cp, "the file's name is not kept: it is not UTF-8, or contains a backslash");
        name = "";
    }
    return checkpoint_add_source(cp, strdup(name), NULL, &st, NULL, &identity, f);
}

static bool open_regular(checkpoint *cp, fault *f) {
    uint8_t bytes[512];
    size_t size = cp->input.size < (off_t)sizeof bytes ? (size_t)cp->input.size : sizeof bytes;
    if (size == 0)
        return fault_set(f, FAULT_INPUT, "the file is empty");
    int number = positioned_read(cp->fd, 0, bytes, size);
    if (number != 0)
        return fault_system(f, number, "cannot read");
    if (size >= 4 && memcmp(bytes, "\x89SLM", 4) == 0)
        return fault_set(f, FAULT_INPUT, "this is a .slm file already; decode it first to encode it anew");
    cp->form = looks_like_archive(bytes, size, cp->path) ? FORM_ARCHIVE : FORM_FILE;
    return cp->form == FORM_ARCHIVE ? checkpoint_open_archive(cp, f) : open_safetensors(cp, f);
}

static bool open_input(checkpoint *cp, fault *f) {
    bool standard = strcmp(cp->path, "-") == 0;
    cp->fd = standard ? dup(STDIN_FILENO) : open(cp->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat about;
    if (cp->fd < 0 || fstat(cp->fd, &about) != 0)
        return fault_system(f, errno, "cannot open");
    cp->input = file_identity_of(&about);
    if (S_ISDIR(about.st_mode)) {
        cp->form = FORM_FOLDER;
        return checkpoint_open_folder(cp, f);
    }
    if (!S_ISREG(about.st_mode) || standard) {
        if (standard && isatty(STDIN_FILENO))
            return fault_set(f, FAULT_USAGE, "a model is expected here, not a terminal");
        if (!spool(&cp->fd, f))
            return false;
        if (fstat(cp->fd, &about) != 0)
            return fault_system(f, errno, "cannot examine");
        cp->input.size = about.st_size; /* device and inode stay the stream's: they tell input from output */
    }
    return open_regular(cp, f);
}

/* ---- Across the sources ---- */

typedef struct sortable {
    checkpoint_source source;
    source_state state;
} sortable;

static int compare_sources(const void *a, const void *b) {
    return strcmp(((const sortable *)a)->source.name, ((const sortable *)b)->source.name);
}

static bool sort_sources(checkpoint *cp, fault *f) {
    sortable *all = calloc(cp->source_count + 1, sizeof *all);
    if (all == NULL)
        return fault_system(f, ENOMEM, "cannot list the model's files");
    for (size_t i = 0; i < cp->source_count; i++)
        all[i] = (sortable){cp->sources[i], cp->states[i]};
    qsort(all, cp->source_count, sizeof *all, compare_sources);
    for (size_t i = 0; i < cp->source_count; i++) {
        cp->sources[i] = all[i].source;
        cp->states[i] = all[i].state;
        cp->sources[i].first_tensor = cp->tensor_count;
        cp->tensor_count += cp->sources[i].st.count;
        cp->data_size += cp->sources[i].st.data_size;
    }
    free(all);
    return true;
}

typedef struct owned_name {
    const char *name;
    size_t tensor;
} owned_name;

static int compare_owned(const void *a, const void *b) { return strcmp(((const owned_name *)a)->name, ((const owned_name *)b)->name); }

static bool check_names(const checkpoint *cp, fault *f) {
    owned_name *names = calloc(cp->tensor_count > 0 ? cp->tensor_count : 1, sizeof *names);
    if (names == NULL)
        return fault_system(f, ENOMEM, "cannot list the tensors");
    for (size_t i = 0; i < cp->tensor_count; i++)
        names[i] = (owned_name){checkpoint_tensor(cp, i)->name, i};
    qsort(names, cp->tensor_count, sizeof *names, compare_owned);
    bool ok = true;
    for (size_t i = 1; ok && i < cp->tensor_count; i++)
        if (strcmp(names[i].name, names[i - 1].name) == 0)
            ok = fault_set(f, FAULT_INPUT, "tensor '%s' is in both '%s' and '%s'", names[i].name,
                           checkpoint_tensor_source(cp, names[i - 1].tensor)->name, checkpoint_tensor_source(cp, names[i].tensor)->name);
    free(names);
    return ok;
}

static bool check_index(const checkpoint *cp, fault *f) {
    for (size_t i = 0; i < cp->source_count && cp->index.count > 0; i++) {
        const checkpoint_source *source = &cp->sources[i];
        if (!model_index_check(&cp->index, source->name, &source->st, f))
            return false;
        for (size_t t = 0; t < source->st.count; t++)
            if (model_index_find(&cp->index, source->st.tensors[t].name) == NULL)
                checkpoint_warn(cp, "tensor '%s' lies in shard '%s', but the index does not name it", source->st.tensors[t].name,
                                source->name);
    }
    return true;
}

bool checkpoint_open(checkpoint **result, const char *path, const checkpoint_options *options, fault *f) {
    checkpoint *cp = calloc(1, sizeof *cp);
    if (cp == NULL)
        return fault_system(f, ENOMEM, "cannot open");
    *cp = (checkpoint){.options = *options,
                       .fd = -1,
                       .side_fd = -1,
                       .source_fd = -1,
                       .held_fd = -1,
                       .source_open = SIZE_MAX,
                       .current = SIZE_MAX,
                       .path = strdup(path),
                       .scanner = tensor_scanner_new(),
                       .buffer = malloc(CHECKPOINT_BUFFER)};
    bool ok = (cp->path != NULL && cp->scanner != NULL && cp->buffer != NULL) || fault_system(f, ENOMEM, "cannot open");
    ok = ok && open_input(cp, f) && check_index(cp, f) && sort_sources(cp, f) && check_names(cp, f);
    if (!ok) {
        checkpoint_close(cp);
        return false;
    }
    *result = cp;
    return true;
}

static void close_if_open(int fd) {
    if (fd >= 0)
        close(fd);
}

void checkpoint_close(checkpoint *cp) {
    if (cp == NULL)
        return;
    archive_pass_end(cp);
    for (size_t i = 0; i < cp->source_count; i++) {
        free(cp->sources[i].name);
        safetensors_free(&cp->sources[i].st);
        free(cp->states[i].member);
        free(cp->states[i].scans);
    }
    free(cp->sources);
    free(cp->states);
    model_index_free(&cp->index);
    side_list_free(&cp->side);
    close_if_open(cp->side_fd);
    close_if_open(cp->source_fd);
    close_if_open(cp->held_fd);
    close_if_open(cp->fd);
    free(cp->held);
    tensor_scanner_free(cp->scanner);
    free(cp->buffer);
    free(cp->path);
    free(cp);
}

/* ---- What it is ---- */

const char *checkpoint_kind(const checkpoint *cp) {
    return cp->form == FORM_FILE ? "safetensors file" : cp->form == FORM_FOLDER ? "model folder" : "archive of a model folder";
}

bool checkpoint_is_folder(const checkpoint *cp) { return cp->form != FORM_FILE; }

size_t checkpoint_sources(const checkpoint *cp) { return cp->source_count; }

const checkpoint_source *checkpoint_source_at(const checkpoint *cp, size_t index) { return &cp->sources[index]; }

size_t checkpoint_tensors(const checkpoint *cp) { return cp->tensor_count; }

size_t checkpoint_source_of(const checkpoint *cp, size_t tensor) {
    size_t low = 0, high = cp->source_count; /* the last source that begins at or before the tensor, and has any */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (cp->sources[middle].first_tensor <= tensor)
            low = middle;
        else
            high = middle;
    }
    return low;
}

const checkpoint_source *checkpoint_tensor_source(const checkpoint *cp, size_t index) {
    return &cp->sources[checkpoint_source_of(cp, index)];
}

const safetensors_tensor *checkpoint_tensor(const checkpoint *cp, size_t index) {
    const checkpoint_source *source = checkpoint_tensor_source(cp, index);
    return &source->st.tensors[index - source->first_tensor];
}

uint64_t checkpoint_data_size(const checkpoint *cp) { return cp->data_size; }

size_t checkpoint_side_files(const checkpoint *cp) { return cp->side.count; }

uint64_t checkpoint_side_bytes(const checkpoint *cp) { return cp->side.bytes; }

uint64_t checkpoint_side_size(const checkpoint *cp) { return cp->side_size; }

static bool same_file(const file_identity *identity, const struct stat *about) {
    return identity->device == about->st_dev && identity->inode == about->st_ino;
}

bool checkpoint_reads_from(const checkpoint *cp, const struct stat *about) {
    if (same_file(&cp->input, about))
        return true;
    for (size_t i = 0; i < cp->source_count && cp->form == FORM_FOLDER; i++)
        if (same_file(&cp->states[i].identity, about))
            return true;
    return false;
}
