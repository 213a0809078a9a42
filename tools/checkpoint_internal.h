/* tools/checkpoint_internal.h: what the files of the checkpoint reader share. */
#ifndef TOOLS_CHECKPOINT_INTERNAL_H
#define TOOLS_CHECKPOINT_INTERNAL_H

#include <sys/types.h>

#include "checkpoint.h"
#include "model_files.h"
#include "side_files.h"
#include "tensor_scan.h"

typedef enum checkpoint_form { FORM_FILE, FORM_FOLDER, FORM_ARCHIVE } checkpoint_form;

/* What identifies a file that was opened, so that one changed meanwhile is noticed. */
typedef struct file_identity {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
} file_identity;

/* Beside each checkpoint_source. */
typedef struct source_state {
    file_identity identity; /* file and folder */
    char *member;           /* archive: its path there */
    checkpoint_scan *scans; /* archive: of its tensors */
    bool seen;              /* archive: met in this pass */
} source_state;

typedef struct archive_pass archive_pass;

struct checkpoint {
    checkpoint_options options;
    checkpoint_form form;
    char *path; /* as given; for messages */
    int fd;     /* the file (spooled where it was a stream), the folder or the archive */
    file_identity input;

    checkpoint_source *sources;
    source_state *states;
    size_t source_count, source_room;
    size_t tensor_count;
    uint64_t data_size;
    model_index index; /* count 0 where there is none */

    side_list side; /* sorted */
    int side_fd;    /* the pack, or -1 */
    uint64_t side_size;

    /* Reading: the source at hand, the tensor at hand, how much of it was read in sequence. */
    int source_fd;
    size_t source_open; /* SIZE_MAX: none */
    size_t next_tensor;
    size_t current; /* SIZE_MAX: none */
    uint64_t cursor;
    archive_pass *pass;
    void *held; /* archive: the tensor at hand, in memory or in a file without name */
    int held_fd;
    bool is_held;

    tensor_scanner *scanner;
    uint8_t *buffer; /* CHECKPOINT_BUFFER bytes */
};

#define CHECKPOINT_BUFFER ((size_t)1 << 20)
#define CHECKPOINT_HOLD_MAX ((uint64_t)64 << 20) /* larger tensors of an archive are held in a file */

void checkpoint_warn(const checkpoint *cp, const char *format, ...) __attribute__((format(printf, 2, 3)));
void checkpoint_progress(const checkpoint *cp, uint64_t bytes);
file_identity file_identity_of(const struct stat *about);

/* Adds a source and takes over `name`, `member` and `st`. */
bool checkpoint_add_source(checkpoint *cp, char *name, char *member, safetensors *st, checkpoint_scan *scans, const file_identity *identity,
                           fault *f);

/* A folder's or archive's file list has become: the sources among them are chosen by `root` (a prefix that ends with '/', or ""),
 * the rest of what lies below it stays in cp->side, with names relative to it. */
bool checkpoint_open_folder(checkpoint *cp, fault *f);
bool checkpoint_open_archive(checkpoint *cp, fault *f);

/* Packs cp->side with contents read by `content`. */
bool checkpoint_pack_side(checkpoint *cp, side_content content, void *context, fault *f);

/* The archive's part of a pass. */
bool archive_pass_start(checkpoint *cp, fault *f);
bool archive_pass_next(checkpoint *cp, size_t *tensor, fault *f);
bool archive_pass_read(checkpoint *cp, void *buffer, size_t size, fault *f);
void archive_pass_end(checkpoint *cp);

#endif
