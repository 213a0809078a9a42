/* tools/checkpoint_read.c: passes over a checkpoint's data. Files are read in place; an archive's part is checkpoint_archive.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint_internal.h"
#include "positioned.h"

static bool changed(const file_identity *then, const struct stat *now) {
    return then->device != now->st_dev || then->inode != now->st_ino || then->size != now->st_size ||
           then->modified.tv_sec != now->st_mtim.tv_sec || then->modified.tv_nsec != now->st_mtim.tv_nsec;
}

/* Makes source_fd the file of that source. Shards can be more than descriptors: one is open at a time. */
static bool open_source(checkpoint *cp, size_t source, fault *f) {
    if (cp->source_open == source)
        return true;
    if (cp->source_fd >= 0)
        close(cp->source_fd);
    cp->source_open = SIZE_MAX;
    const char *name = cp->sources[source].name;
    cp->source_fd =
        cp->form == FORM_FILE ? dup(cp->fd) : openat(cp->fd, name, O_RDONLY | O_CLOEXEC | (cp->options.follow_links ? 0 : O_NOFOLLOW));
    struct stat about;
    if (cp->source_fd < 0 || fstat(cp->source_fd, &about) != 0)
        return fault_system(f, errno, "%s: cannot open", name);
    if (changed(&cp->states[source].identity, &about))
        return fault_set(f, FAULT_SYSTEM, "%s: the file changed while it was read", name);
    cp->source_open = source;
    return true;
}

static uint64_t place(const checkpoint *cp, size_t tensor) {
    const checkpoint_source *source = checkpoint_tensor_source(cp, tensor);
    return 8 + source->st.header_size + source->st.tensors[tensor - source->first_tensor].begin;
}

/* The sentence for a failed read of tensor data. */
static bool read_fault(fault *f, int number, const char *name) {
    if (number == ENODATA)
        return fault_set(f, FAULT_SYSTEM, "tensor '%s': the file became shorter while it was read", name);
    return fault_system(f, number, "tensor '%s': cannot read", name);
}

bool checkpoint_scan_tensor(checkpoint *cp, size_t tensor, checkpoint_scan *scan, fault *f) {
    size_t source = checkpoint_source_of(cp, tensor);
    const safetensors_tensor *t = checkpoint_tensor(cp, tensor);
    if (cp->form == FORM_ARCHIVE) {
        *scan = cp->states[source].scans[tensor - cp->sources[source].first_tensor];
        return true;
    }
    if (!open_source(cp, source, f))
        return false;
    tensor_scanner_begin(cp->scanner, t->dtype);
    uint64_t offset = place(cp, tensor), size = t->end - t->begin;
    for (uint64_t at = 0; at < size;) {
        size_t piece = size - at < CHECKPOINT_BUFFER ? (size_t)(size - at) : CHECKPOINT_BUFFER;
        int number = positioned_read(cp->source_fd, offset + at, cp->buffer, piece);
        if (number != 0)
            return read_fault(f, number, t->name);
        tensor_scanner_update(cp->scanner, cp->buffer, piece);
        checkpoint_progress(cp, piece);
        at += piece;
    }
    *scan = tensor_scanner_end(cp->scanner);
    return true;
}

bool checkpoint_rewind(checkpoint *cp, fault *f) {
    cp->next_tensor = 0;
    cp->current = SIZE_MAX;
    cp->cursor = 0;
    cp->is_held = false;
    return cp->form != FORM_ARCHIVE || archive_pass_start(cp, f);
}

bool checkpoint_next(checkpoint *cp, size_t *tensor, fault *f) {
    free(cp->held);
    cp->held = NULL;
    cp->is_held = false;
    if (cp->held_fd >= 0)
        close(cp->held_fd);
    cp->held_fd = -1;
    if (cp->form == FORM_ARCHIVE) {
        if (!archive_pass_next(cp, tensor, f))
            return false;
    } else {
        *tensor = cp->next_tensor < cp->tensor_count ? cp->next_tensor++ : SIZE_MAX;
        if (*tensor != SIZE_MAX && !open_source(cp, checkpoint_source_of(cp, *tensor), f))
            return false;
    }
    cp->current = *tensor;
    cp->cursor = 0;
    return true;
}

bool checkpoint_read(checkpoint *cp, void *buffer, size_t size, fault *f) {
    const safetensors_tensor *t = checkpoint_tensor(cp, cp->current);
    if (size > t->end - t->begin - cp->cursor)
        return fault_set(f, FAULT_SYSTEM, "tensor '%s': read past its end", t->name);
    if (cp->form == FORM_ARCHIVE) {
        if (!archive_pass_read(cp, buffer, size, f))
            return false;
    } else {
        int number = positioned_read(cp->source_fd, place(cp, cp->current) + cp->cursor, buffer, size);
        if (number != 0)
            return read_fault(f, number, t->name);
    }
    cp->cursor += size;
    return true;
}

bool checkpoint_hold(checkpoint *cp, fault *f) {
    const safetensors_tensor *t = checkpoint_tensor(cp, cp->current);
    uint64_t size = t->end - t->begin;
    if (cp->is_held || cp->form != FORM_ARCHIVE) {
        cp->is_held = true;
        return true;
    }
    if (size <= CHECKPOINT_HOLD_MAX) {
        cp->held = malloc(size > 0 ? (size_t)size : 1);
        if (cp->held == NULL)
            return fault_system(f, ENOMEM, "tensor '%s': cannot hold it", t->name);
        cp->is_held = checkpoint_read(cp, cp->held, (size_t)size, f);
        return cp->is_held;
    }
    int number = unnamed_file(&cp->held_fd);
    for (uint64_t at = 0; number == 0 && at < size;) {
        size_t piece = size - at < CHECKPOINT_BUFFER ? (size_t)(size - at) : CHECKPOINT_BUFFER;
        if (!checkpoint_read(cp, cp->buffer, piece, f))
            return false;
        number = positioned_write(cp->held_fd, at, cp->buffer, piece);
        at += piece;
    }
    if (number != 0)
        return fault_system(f, number, "tensor '%s': cannot hold it in a temporary file", t->name);
    cp->is_held = true;
    return true;
}

bool checkpoint_read_at(const checkpoint *cp, uint64_t offset, void *buffer, size_t size, fault *f) {
    const safetensors_tensor *t = checkpoint_tensor(cp, cp->current);
    if (offset > t->end - t->begin || size > t->end - t->begin - offset)
        return fault_set(f, FAULT_SYSTEM, "tensor '%s': read past its end", t->name);
    int number = 0;
    if (cp->held != NULL)
        memcpy(buffer, (const uint8_t *)cp->held + offset, size);
    else if (cp->held_fd >= 0)
        number = positioned_read(cp->held_fd, offset, buffer, size);
    else
        number = positioned_read(cp->source_fd, place(cp, cp->current) + offset, buffer, size);
    return number == 0 || read_fault(f, number, t->name);
}

bool checkpoint_side_read(const checkpoint *cp, uint64_t offset, void *buffer, size_t size, fault *f) {
    int number = positioned_read(cp->side_fd, offset, buffer, size);
    return number == 0 || fault_system(f, number, "cannot read the packed side files");
}
