/* tools/output.c: choosing the form of output; the forms that are one file or a stream. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "member_path.h"
#include "output_internal.h"
#include "positioned.h"

bool output_form_of(const char *path, output_form *form) {
    static const char *const archives[] = {".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst", ".zip"};
    struct stat about;
    if (strcmp(path, "-") == 0) {
        *form = OUTPUT_STREAM;
        return true;
    }
    if (ends_with(path, "/") || (stat(path, &about) == 0 && S_ISDIR(about.st_mode))) {
        *form = OUTPUT_FOLDER;
        return true;
    }
    for (size_t i = 0; i < sizeof archives / sizeof archives[0]; i++)
        if (ends_with(path, archives[i])) {
            *form = OUTPUT_ARCHIVE;
            return true;
        }
    *form = OUTPUT_FILE;
    return ends_with(path, ".safetensors");
}

bool output_check(const char *path, const char *input, bool force, bool folder, struct stat *about, bool *there, fault *f) {
    struct stat source;
    *there = stat(path, about) == 0;
    if (!*there)
        return true;
    bool known = input == NULL || strcmp(input, "-") == 0 ? fstat(STDIN_FILENO, &source) == 0 : stat(input, &source) == 0;
    if (known && source.st_dev == about->st_dev && source.st_ino == about->st_ino)
        return fault_set(f, FAULT_USAGE, "is both input and output");
    if (S_ISDIR(about->st_mode))
        return folder || fault_set(f, FAULT_USAGE, "is a folder, and a file is to be written");
    if (!S_ISREG(about->st_mode))
        return fault_set(f, FAULT_USAGE, "is no regular file");
    if (folder)
        return fault_set(f, FAULT_USAGE, "is a file, and a folder is to be written");
    return force || fault_set(f, FAULT_USAGE, "exists already; -f replaces it");
}

bool output_open(output **result, const char *path, output_form form, bool force, fault *f) {
    static const output_operations *const forms[] = {&output_file, &output_stream, &output_folder, &output_archive};
    output *o = calloc(1, sizeof *o);
    char *own = strdup(path);
    if (o == NULL || own == NULL) {
        free(o);
        free(own);
        return fault_system(f, ENOMEM, "cannot write");
    }
    for (size_t length = strlen(own); length > 1 && own[length - 1] == '/';)
        own[--length] = '\0';
    *o = (output){.operations = forms[form], .path = own, .force = force, .folder = -1, .member = -1};
    if (o->operations->open != NULL && !o->operations->open(o, f)) {
        output_close(o);
        return false;
    }
    *result = o;
    return true;
}

bool output_begin(output *o, const char *name, uint64_t size, fault *f) {
    return o->operations->begin == NULL || o->operations->begin(o, name, size, f);
}

bool output_write(output *o, const void *bytes, size_t size, fault *f) { return o->operations->write(o, bytes, size, f); }

bool output_end(output *o, fault *f) { return o->operations->end == NULL || o->operations->end(o, f); }

int output_folder_fd(const output *o) { return o->folder; }

bool output_commit(output *o, fault *f) { return o->operations->commit == NULL || o->operations->commit(o, f); }

void output_close(output *o) {
    if (o == NULL)
        return;
    if (o->operations->close != NULL)
        o->operations->close(o);
    free(o->path);
    free(o);
}

/* ---- One file ---- */

bool output_file_create(output *o, fault *f) {
    slm_error error = {0};
    cleanup_lock();
    slm_status status = slm_file_create(&o->file, o->path, o->force, &error);
    if (status == SLM_OK)
        o->cleanup = cleanup_add(slm_file_temporary(o->file));
    cleanup_unlock();
    if (status == SLM_OK) {
        slm_file_sink(o->file, &o->sink);
        return true;
    }
    o->file = NULL;
    if (error.system_error == EEXIST)
        return fault_set(f, FAULT_USAGE, "exists already; -f replaces it");
    return error.system_error != 0 ? fault_system(f, error.system_error, "cannot create") : fault_slm(f, status, &error, "cannot create");
}

bool output_file_write(output *o, const void *bytes, size_t size, fault *f) {
    int number = o->sink.write_at(o->sink.context, o->at, bytes, size);
    if (number != 0)
        return fault_system(f, number, "cannot write");
    o->at += size;
    return true;
}

bool output_file_commit(output *o, fault *f) {
    slm_error error = {0};
    cleanup_lock();
    slm_status status = slm_file_commit(o->file, &error);
    o->file = NULL;
    cleanup_forget(o->cleanup);
    o->cleanup = NULL;
    cleanup_unlock();
    if (status == SLM_OK)
        return true;
    if (error.system_error == EEXIST)
        return fault_set(f, FAULT_USAGE, "has appeared meanwhile; -f replaces it");
    return error.system_error != 0 ? fault_system(f, error.system_error, "cannot put the file in place")
                                   : fault_slm(f, status, &error, "cannot put the file in place");
}

void output_file_close(output *o) {
    if (o->file == NULL)
        return;
    cleanup_lock();
    slm_file_abort(o->file);
    cleanup_forget(o->cleanup);
    cleanup_unlock();
    o->file = NULL;
}

const output_operations output_file = {
    .open = output_file_create, .write = output_file_write, .commit = output_file_commit, .close = output_file_close};

/* ---- Standard output ---- */

static bool stream_write(output *o, const void *bytes, size_t size, fault *f) {
    (void)o;
    int number = write_all(STDOUT_FILENO, bytes, size);
    return number == 0 || fault_system(f, number, "cannot write");
}

const output_operations output_stream = {.write = stream_write};
