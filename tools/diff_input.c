/* tools/diff_input.c: one side of slm diff. */
#include "diff_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint.h"
#include "exit_code.h"
#include "message.h"
#include "positioned.h"
#include "slm_input.h"
#include "tensor_text.h"

struct diff_input {
    const char *path;
    bool is_slm, is_folder, is_stream;
    slm_input slm;
    checkpoint *cp;
    const checkpoint_source *source; /* the one `fd` is open for, or NULL */
    int fd;
    size_t next;
    size_t count;
    size_t *by_name;
};

static int fault_exit_code(const fault *f) {
    switch (f->kind) {
    case FAULT_NONE: return EXIT_CODE_OK;
    case FAULT_USAGE: return EXIT_CODE_USAGE;
    case FAULT_INPUT: return EXIT_CODE_INVALID;
    case FAULT_UNSUPPORTED: return EXIT_CODE_UNSUPPORTED;
    case FAULT_SYSTEM:
    case FAULT_INTERRUPTED: break;
    }
    return EXIT_CODE_FAILURE;
}

static int tell(const fault *f) {
    message_error("%s", f->text);
    return fault_exit_code(f);
}

static void warn(void *context, const char *text) {
    (void)context;
    message_warning("%s", text);
}

const char *diff_input_name(const diff_input *input) { return strcmp(input->path, "-") == 0 ? "standard input" : input->path; }
size_t diff_input_count(const diff_input *input) { return input->count; }
bool diff_input_is_stream(const diff_input *input) { return input->is_stream; }

diff_tensor diff_input_tensor(const diff_input *input, size_t index) {
    if (input->is_slm) {
        const slm_tensor *t = slm_reader_tensor(input->slm.reader, index);
        return (diff_tensor){t->name, t->name_length, t->dtype, t->rank, t->shape, t->elements, coding_name(t->coding)};
    }
    const safetensors_tensor *t = checkpoint_tensor(input->cp, index);
    return (diff_tensor){t->name, t->name_length, t->dtype, t->rank, t->shape, t->elements, NULL};
}

static int compare_names(const char *a, size_t a_length, const char *b, size_t b_length) {
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order != 0 ? order : a_length < b_length ? -1 : a_length > b_length;
}

/* qsort has no context, so the order is made by a heap sort of our own: names are unique, stability does not matter. */
static void sift(diff_input *input, size_t root, size_t end) {
    for (size_t child; (child = 2 * root + 1) < end; root = child) {
        diff_tensor c = diff_input_tensor(input, input->by_name[child]);
        if (child + 1 < end) {
            diff_tensor d = diff_input_tensor(input, input->by_name[child + 1]);
            if (compare_names(d.name, d.name_length, c.name, c.name_length) > 0) {
                child++;
                c = d;
            }
        }
        diff_tensor r = diff_input_tensor(input, input->by_name[root]);
        if (compare_names(r.name, r.name_length, c.name, c.name_length) >= 0)
            return;
        size_t swap = input->by_name[root];
        input->by_name[root] = input->by_name[child];
        input->by_name[child] = swap;
    }
}

static bool sort_names(diff_input *input) {
    input->by_name = malloc((input->count + 1) * sizeof *input->by_name);
    if (input->by_name == NULL)
        return false;
    for (size_t i = 0; i < input->count; i++)
        input->by_name[i] = i;
    for (size_t i = input->count / 2; i-- > 0;)
        sift(input, i, input->count);
    for (size_t end = input->count; end-- > 1;) {
        size_t swap = input->by_name[0];
        input->by_name[0] = input->by_name[end];
        input->by_name[end] = swap;
        sift(input, 0, end);
    }
    return true;
}

size_t diff_input_find(const diff_input *input, const char *name, size_t length) {
    size_t low = 0, high = input->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        diff_tensor t = diff_input_tensor(input, input->by_name[middle]);
        int order = compare_names(name, length, t.name, t.name_length);
        if (order == 0)
            return input->by_name[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return SIZE_MAX;
}

/* Whether the file begins as .slm files do. Damaged beginnings are the checkpoint reader's to complain of, unless the name ends in .slm. */
static bool is_slm_file(const char *path, const struct stat *st) {
    static const unsigned char magic[4] = {0x89, 0x53, 0x4C, 0x4D};
    size_t length = strlen(path);
    if (length >= 4 && strcmp(path + length - 4, ".slm") == 0)
        return true;
    if (!S_ISREG(st->st_mode))
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    unsigned char begin[4];
    bool is = fd >= 0 && positioned_read(fd, 0, begin, sizeof begin) == 0 && memcmp(begin, magic, sizeof magic) == 0;
    if (fd >= 0)
        close(fd);
    return is;
}

int diff_input_open(diff_input **result, const char *path) {
    *result = NULL;
    diff_input *input = calloc(1, sizeof *input);
    if (input == NULL) {
        message_error("no memory");
        return EXIT_CODE_FAILURE;
    }
    *result = input;
    input->path = path;
    input->fd = -1;
    input->slm.fd = -1;
    struct stat st = {0};
    bool standard = strcmp(path, "-") == 0;
    if (!standard && stat(path, &st) != 0)
        return message_system_error(path, "cannot open", errno);
    input->is_folder = !standard && S_ISDIR(st.st_mode);
    input->is_slm = !standard && !input->is_folder && is_slm_file(path, &st);
    if (input->is_slm) {
        int code = slm_input_open(&input->slm, path, false);
        if (code != EXIT_CODE_OK)
            return code;
        input->count = slm_reader_info(input->slm.reader)->tensors;
    } else {
        fault f = {0};
        checkpoint_options options = {.follow_links = true, .no_side_files = true, .warn = warn};
        if (!checkpoint_open(&input->cp, path, &options, &f))
            return tell(&f);
        input->count = checkpoint_tensors(input->cp);
        input->is_stream = !input->is_folder && (standard || !S_ISREG(st.st_mode) || checkpoint_is_folder(input->cp));
        if (input->is_stream && !checkpoint_rewind(input->cp, &f))
            return tell(&f);
    }
    if (!sort_names(input)) {
        message_error("no memory");
        return EXIT_CODE_FAILURE;
    }
    return EXIT_CODE_OK;
}

void diff_input_free(diff_input *input) {
    if (input == NULL)
        return;
    if (input->is_slm)
        slm_input_close(&input->slm);
    checkpoint_close(input->cp);
    if (input->fd >= 0)
        close(input->fd);
    free(input->by_name);
    free(input);
}

int diff_input_next(diff_input *input, size_t *index) {
    if (!input->is_stream) {
        *index = input->next < input->count ? input->next++ : SIZE_MAX;
        return EXIT_CODE_OK;
    }
    fault f = {0};
    return checkpoint_next(input->cp, index, &f) ? EXIT_CODE_OK : tell(&f);
}

static int open_source(diff_input *input, const checkpoint_source *source) {
    if (input->source == source)
        return EXIT_CODE_OK;
    if (input->fd >= 0)
        close(input->fd);
    input->source = NULL;
    if (!input->is_folder)
        input->fd = open(input->path, O_RDONLY | O_CLOEXEC);
    else {
        int folder = open(input->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        input->fd = folder >= 0 ? openat(folder, source->name, O_RDONLY | O_CLOEXEC) : -1;
        int error = errno;
        if (folder >= 0)
            close(folder);
        errno = error;
    }
    if (input->fd < 0)
        return message_system_error(input->path, "cannot open", errno);
    input->source = source;
    return EXIT_CODE_OK;
}

int diff_input_read(diff_input *input, size_t index, uint64_t first, size_t count, void *target) {
    diff_tensor t = diff_input_tensor(input, index);
    if (input->is_slm) {
        slm_error error;
        slm_status status = slm_reader_decode(input->slm.reader, index, first, count, t.dtype, target, &error);
        return status == SLM_OK ? EXIT_CODE_OK : message_slm_error(input->slm.name, status, &error, t.name);
    }
    unsigned bits = slm_dtype_bits(t.dtype);
    size_t size = (size_t)((uint64_t)count * bits / 8);
    fault f = {0};
    if (input->is_stream)
        return checkpoint_read(input->cp, target, size, &f) ? EXIT_CODE_OK : tell(&f);
    const checkpoint_source *source = checkpoint_tensor_source(input->cp, index);
    int code = open_source(input, source);
    if (code != EXIT_CODE_OK)
        return code;
    uint64_t offset = 8 + source->st.header_size + checkpoint_tensor(input->cp, index)->begin + first / 8 * bits + first % 8 * bits / 8;
    int error = positioned_read(input->fd, offset, target, size);
    return error == 0 ? EXIT_CODE_OK : message_system_error(input->path, "cannot read", error);
}
