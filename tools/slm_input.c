/* tools/slm_input.c: opening a .slm file named on the command line, or standard input. */
#include "slm_input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "exit_code.h"
#include "message.h"
#include "positioned.h"

static int read_at(void *context, uint64_t offset, void *buffer, size_t size) {
    return positioned_read(*(const int *)context, offset, buffer, size);
}

/* Copies a stream to a file without a name. 0, or an errno value with *what saying which side failed. */
static int spool(int from, int *to, const char **what) {
    *what = "cannot make a temporary file";
    int error = unnamed_file(to);
    if (error != 0)
        return error;
    static char buffer[1 << 16];
    for (;;) {
        size_t got;
        *what = "cannot read";
        if ((error = read_some(from, buffer, sizeof buffer, &got)) != 0 || got == 0)
            break;
        *what = "cannot write a temporary copy";
        if ((error = write_all(*to, buffer, got)) != 0)
            break;
    }
    if (error != 0) {
        close(*to);
        *to = -1;
    }
    return error;
}

/* A common slip: naming the safetensors file. */
static bool looks_like_safetensors(int fd, uint64_t size) {
    unsigned char head[9];
    if (size < 10 || positioned_read(fd, 0, head, sizeof head) != 0 || head[8] != '{')
        return false;
    uint64_t header = 0;
    for (int i = 7; i >= 0; i--)
        header = header << 8 | head[i];
    return header <= size - 8;
}

int slm_input_open(slm_input *input, const char *path, bool mapped) {
    bool standard = strcmp(path, "-") == 0;
    *input = (slm_input){.name = standard ? "standard input" : path, .fd = -1, .status = SLM_E_IO};
    input->error = (slm_error){.status = SLM_E_IO, .rule = "", .offset = UINT64_MAX, .tensor = UINT64_MAX};
    int fd = standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        input->error.system_error = errno;
        int code = message_system_error(input->name, "cannot open", errno);
        if (fd >= 0)
            close(fd);
        return code;
    }
    if (S_ISDIR(st.st_mode)) {
        close(fd);
        input->error.system_error = EISDIR;
        message_error("%s: is a folder, a .slm file is needed", input->name);
        return EXIT_CODE_USAGE;
    }
    if (!S_ISREG(st.st_mode)) {
        int copy = -1;
        const char *what;
        int error = spool(fd, &copy, &what);
        close(fd);
        if (error == 0 && fstat(copy, &st) != 0) {
            error = errno;
            close(copy);
        }
        if (error != 0) {
            input->error.system_error = error;
            return message_system_error(input->name, what, error);
        }
        fd = copy;
        mapped = false;
    }
    slm_reader_options options = {.struct_size = sizeof options, .kernel = kernel_wanted()};
    input->fd = fd;
    if (mapped && !standard)
        input->status = slm_reader_open_file(&input->reader, path, &options, &input->error);
    else
        input->status = slm_reader_open_callback(&input->reader, read_at, &input->fd, (uint64_t)st.st_size, &options, &input->error);
    if (input->status == SLM_OK)
        return EXIT_CODE_OK;
    input->reader = NULL;
    int code = message_slm_error(input->name, input->status, &input->error, NULL);
    if (input->status == SLM_E_MAGIC && looks_like_safetensors(fd, (uint64_t)st.st_size))
        message_note("%s seems to be a safetensors file; \"slm encode\" makes a .slm file of it", input->name);
    close(fd);
    input->fd = -1;
    return code;
}

void slm_input_close(slm_input *input) {
    slm_reader_close(input->reader);
    if (input->fd >= 0)
        close(input->fd);
    input->reader = NULL;
    input->fd = -1;
}
