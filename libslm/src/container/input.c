/* Where a reader's bytes come from. The only file of the reader that talks to the operating system. */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checked.h"
#include "error.h"

void slmi_input_memory(slmi_input *input, const void *data, size_t size) {
    static const uint8_t nothing[1] = {0};
    *input = (slmi_input){.size = size, .data = data == NULL ? nothing : data, .descriptor = -1};
}

void slmi_input_callback(slmi_input *input, slm_read_at read_at, void *context, uint64_t size) {
    *input = (slmi_input){.size = size, .read_at = read_at, .context = context, .descriptor = -1};
}

static slm_status fail_open(slmi_input *input, int system_error, const char *what, slm_error *error) {
    slmi_input_close(input);
    return slmi_fail_system(error, system_error, SLMI_NOWHERE, what);
}

slm_status slmi_input_file(slmi_input *input, const char *path, bool map, slm_error *error) {
    *input = (slmi_input){.descriptor = -1};
    do {
        input->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    } while (input->descriptor < 0 && errno == EINTR);
    struct stat status;
    if (input->descriptor < 0 || fstat(input->descriptor, &status) != 0)
        return fail_open(input, errno, "cannot open", error);
    if (S_ISDIR(status.st_mode))
        return fail_open(input, EISDIR, "cannot open", error);
    if (!S_ISREG(status.st_mode))
        return fail_open(input, ESPIPE, "not a regular file", error);
    input->size = (uint64_t)status.st_size;
    size_t length;
    if (!map || input->size == 0 || !checked_size(input->size, &length))
        return SLM_OK;
    void *data = mmap(NULL, length, PROT_READ, MAP_SHARED, input->descriptor, 0);
    if (data == MAP_FAILED)
        return SLM_OK; /* positioned reads do as well */
    input->data = data;
    input->mapped = length;
    close(input->descriptor);
    input->descriptor = -1;
    return SLM_OK;
}

void slmi_input_close(slmi_input *input) {
    if (input->mapped != 0)
        munmap((void *)(uintptr_t)input->data, input->mapped);
    if (input->descriptor >= 0)
        close(input->descriptor);
    *input = (slmi_input){.descriptor = -1};
}

static slm_status read_file(const slmi_input *input, uint64_t offset, uint8_t *buffer, size_t size, slm_error *error) {
    while (size > 0) {
        size_t piece = size < ((size_t)1 << 30) ? size : (size_t)1 << 30;
        ssize_t count = pread(input->descriptor, buffer, piece, (off_t)offset);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return slmi_fail_system(error, errno, offset, "cannot read");
        if (count == 0)
            return slmi_fail(error, SLM_E_IO, "", offset, SLMI_NOWHERE, "cannot read: the file has become shorter since it was opened");
        buffer += count;
        offset += (uint64_t)count;
        size -= (size_t)count;
    }
    return SLM_OK;
}

slm_status slmi_input_read(const slmi_input *input, uint64_t offset, void *buffer, size_t size, slm_error *error) {
    if (size == 0)
        return SLM_OK;
    if (input->data != NULL) {
        memcpy(buffer, input->data + offset, size);
        return SLM_OK;
    }
    if (input->read_at == NULL)
        return read_file(input, offset, buffer, size, error);
    int system_error = input->read_at(input->context, offset, buffer, size);
    return system_error == 0 ? SLM_OK : slmi_fail_system(error, system_error, offset, "cannot read");
}
