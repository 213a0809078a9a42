/* tools/encode_output.c: the file that is being encoded, and what becomes of it. */
#include "encode_output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "encode_journal.h"
#include "message.h"
#include "positioned.h"

#define KEPT "what is finished is kept; the same command with --resume goes on from there"

bool encode_output_is_stream(const encode_output *o) { return strcmp(o->path, "-") == 0; }

static int stream_write(void *context, uint64_t offset, const void *buffer, size_t size) {
    return positioned_write(((const encode_output *)context)->stream, offset, buffer, size);
}

static int stream_read(void *context, uint64_t offset, void *buffer, size_t size) {
    return positioned_read(((const encode_output *)context)->stream, offset, buffer, size);
}

static bool create_stream(encode_output *o, encode_job *job, fault *f) {
    int number = unnamed_file(&o->stream);
    if (number != 0)
        return fault_system(f, number, "cannot create a temporary file");
    job->sink = (slm_sink){.context = o, .write_at = stream_write, .read_at = stream_read};
    return true;
}

/* Makes or finds the part; without --resume it and its journal go however the command ends. */
static slm_status create_part(encode_output *o, slm_error *error) {
    cleanup_lock();
    slm_status status = slm_file_create_resumable(&o->file, o->path, o->force, o->resume, &o->found, error);
    if (status == SLM_OK) {
        o->journal_path = journal_path(slm_file_temporary(o->file));
        if (!o->resume) {
            o->part_cleanup = cleanup_add(slm_file_temporary(o->file));
            o->journal_cleanup = o->journal_path != NULL ? cleanup_add(o->journal_path) : NULL;
        } else {
            cleanup_last_words(KEPT);
        }
    }
    cleanup_unlock();
    return status;
}

bool encode_output_create(encode_output *o, encode_job *job, fault *f) {
    if (encode_output_is_stream(o))
        return create_stream(o, job, f);
    slm_error error = {0};
    slm_status status = create_part(o, &error);
    if (status != SLM_OK && error.system_error == EEXIST)
        return fault_set(f, FAULT_USAGE, "exists already; -f replaces it");
    if (status != SLM_OK && error.system_error == EBUSY)
        return fault_set(f, FAULT_USAGE, "another slm encode is writing it");
    if (status != SLM_OK)
        return fault_slm(f, status, &error, "cannot create");
    if (o->journal_path == NULL)
        return fault_system(f, ENOMEM, "cannot create");
    if (o->found && !o->resume)
        message_warning("%s: what an earlier run had finished is given up; --resume would have gone on from there", o->path);
    else if (o->resume && !o->found)
        message_note("%s: nothing to resume, the encoding begins anew", o->path);
    slm_file_sink(o->file, &job->sink);
    return journal_open(&job->journal, job, o->file, o->journal_path, o->found && o->resume, f);
}

bool encode_output_size(encode_output *o, const encode_job *job, fault *f) {
    const uint64_t size = slm_layout_file_size(job->layout);
    /* Padding that is never written must be there to be read. */
    if (encode_output_is_stream(o))
        return ftruncate(o->stream, (off_t)size) == 0 || fault_system(f, errno, "cannot size a temporary file");
    /* Only a damaged one is longer than the file will be. */
    struct stat about;
    const char *part = slm_file_temporary(o->file);
    return stat(part, &about) != 0 || (uint64_t)about.st_size <= size || truncate(part, (off_t)size) == 0 ||
           fault_system(f, errno, "cannot size the unfinished file");
}

/* With the lock held: nothing is left to be removed, or to be told. */
static void forget(encode_output *o) {
    cleanup_forget(o->part_cleanup);
    cleanup_forget(o->journal_cleanup);
    o->part_cleanup = o->journal_cleanup = NULL;
    cleanup_last_words(NULL);
}

static bool commit_file(encode_output *o, fault *f) {
    slm_error error = {0};
    cleanup_lock();
    slm_status status = slm_file_commit(o->file, &error);
    o->file = NULL;
    if (status == SLM_OK || !o->resume)
        unlink(o->journal_path);
    forget(o);
    cleanup_unlock();
    if (status != SLM_OK && o->resume)
        message_note("%s: " KEPT, o->path);
    if (status != SLM_OK && error.system_error == EEXIST)
        return fault_set(f, FAULT_USAGE, "has appeared meanwhile; -f replaces it");
    return status == SLM_OK || fault_slm(f, status, &error, "cannot put the file in place");
}

bool encode_output_commit(encode_output *o, encode_job *job, fault *f) {
    if (!encode_output_is_stream(o))
        return commit_file(o, f);
    static uint8_t buffer[64 << 10];
    for (uint64_t at = 0, size = slm_layout_file_size(job->layout); at < size;) {
        size_t piece = size - at < sizeof buffer ? (size_t)(size - at) : sizeof buffer;
        int number = positioned_read(o->stream, at, buffer, piece);
        if (number == 0)
            number = write_all(STDOUT_FILENO, buffer, piece);
        if (number != 0)
            return fault_system(f, number, "cannot write");
        at += piece;
    }
    return true;
}

void encode_output_close(encode_output *o, encode_job *job) {
    if (o->file != NULL) {
        /* Where the journal could not be opened, it and the part are another job's and must stay. */
        bool keep = o->resume && !o->worthless && (o->found || job->journal != NULL);
        if (keep && job->journal != NULL)
            message_note("%s: " KEPT, o->path);
        cleanup_lock();
        if (keep) {
            slm_file_keep(o->file);
        } else {
            slm_file_abort(o->file);
            if (o->journal_path != NULL)
                unlink(o->journal_path);
        }
        forget(o);
        cleanup_unlock();
        o->file = NULL;
    }
    journal_close(job->journal);
    job->journal = NULL;
    free(o->journal_path);
    if (o->stream >= 0)
        close(o->stream);
    o->stream = -1;
}
