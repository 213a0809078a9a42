/* tools/encode_output.h: where an encoding goes: a file that appears under its name when it is complete, or standard output. */
#ifndef TOOLS_ENCODE_OUTPUT_H
#define TOOLS_ENCODE_OUTPUT_H

#include "cleanup.h"
#include "encode_job.h"

typedef struct encode_output {
    const char *path; /* "-" is standard output */
    bool force, resume;
    bool found;                                    /* what an earlier run left was there */
    bool worthless;                                /* what is there must not be gone on with */
    slm_file *file;                                /* while writing to a file */
    cleanup_entry *part_cleanup, *journal_cleanup; /* NULL where they are to stay */
    char *journal_path;
    int stream; /* while writing to standard output: a file without name, else -1 */
} encode_output;

bool encode_output_is_stream(const encode_output *o);

/* Makes the file, or finds the one an earlier run left, and sets job->sink and job->journal. The layout may be yet to come. */
bool encode_output_create(encode_output *o, encode_job *job, fault *f);
/* Brings it to the layout's size. */
bool encode_output_size(encode_output *o, const encode_job *job, fault *f);
bool encode_output_commit(encode_output *o, encode_job *job, fault *f);
/* Removes what was not committed, or with `resume` leaves it and says so. Frees job->journal. */
void encode_output_close(encode_output *o, encode_job *job);

#endif
