/* tools/checkpoint_archive.c: an archive of a model folder, read forward: once for headers, side files and a look at the data, once more
 * for each pass. Nothing is unpacked; side files are put aside in a file without name until they are packed. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive_members.h"
#include "checkpoint_internal.h"
#include "member_path.h"
#include "positioned.h"

struct archive_pass {
    member_reader *members;
    size_t source; /* that is being read, SIZE_MAX between sources */
    size_t next;   /* its next tensor */
};

/* A member called *.safetensors. */
typedef struct candidate {
    char *path;
    safetensors st;
    checkpoint_scan *scans;
    fault_class trouble; /* FAULT_NONE where it can be a source */
    char *why;
    bool taken; /* it is a source */
} candidate;

typedef struct first_pass {
    candidate *candidates; /* in the end by path */
    size_t candidate_count, candidate_room;
    uint64_t held;   /* bytes of names and headers */
    side_list files; /* all others; those with offset UINT64_MAX were not put aside */
    int aside;
    uint64_t aside_size;
} first_pass;

/* ---- The first pass ---- */

/* Counts names, headers and the shard index, which are read to memory: compressed, spaces without end are next to nothing. */
static bool hold(first_pass *first, uint64_t archive_size, uint64_t bytes, const char *at, fault *f) {
    first->held += bytes;
    return archive_held_fits(first->held, archive_size) ||
           fault_set(f, FAULT_INPUT,
                     "names, safetensors headers and shard index of more than %" PRIu64 " MiB and %d times the archive's size, at '%s'",
                     ARCHIVE_HELD_FREE >> 20, ARCHIVE_HELD_TIMES, at);
}

static bool scan_tensors(checkpoint *cp, member_reader *members, candidate *c, fault *f) {
    c->scans = calloc(c->st.count > 0 ? c->st.count : 1, sizeof *c->scans);
    if (c->scans == NULL)
        return fault_system(f, ENOMEM, "%s: cannot read", members->name);
    for (size_t i = 0; i < c->st.count; i++) {
        const safetensors_tensor *t = &c->st.tensors[i];
        tensor_scanner_begin(cp->scanner, t->dtype);
        for (uint64_t at = t->begin; at < t->end;) {
            size_t piece = t->end - at < CHECKPOINT_BUFFER ? (size_t)(t->end - at) : CHECKPOINT_BUFFER;
            if (!members_read(members, cp->buffer, piece, f))
                return false;
            tensor_scanner_update(cp->scanner, cp->buffer, piece);
            checkpoint_progress(cp, piece);
            at += piece;
        }
        c->scans[i] = tensor_scanner_end(cp->scanner);
    }
    size_t more;
    uint8_t byte;
    if (!archive_fill(members->a, &byte, 1, &more, members->name, f))
        return false;
    return more == 0 || fault_set(f, FAULT_INPUT, "%s: bytes that belong to no tensor at its end", members->name);
}

static bool read_candidate(checkpoint *cp, member_reader *members, first_pass *first, candidate *c, fault *f) {
    uint8_t prefix[8];
    size_t size;
    if (!members_read(members, prefix, sizeof prefix, f))
        return false;
    if (!safetensors_header_size(prefix, UINT64_MAX, &size, f)) {
        fault_prefix(f, members->name);
        return false;
    }
    if (!hold(first, (uint64_t)members->size, size, members->name, f))
        return false;
    char *header = malloc(size);
    if (header == NULL)
        return fault_system(f, ENOMEM, "%s: cannot read the header", members->name);
    if (!members_read(members, header, size, f)) {
        free(header);
        return false;
    }
    if (!safetensors_parse(&c->st, header, size, UINT64_MAX, f)) {
        fault_prefix(f, members->name);
        return false;
    }
    return scan_tensors(cp, members, c, f);
}

static bool add_candidate(checkpoint *cp, member_reader *members, first_pass *first, fault *f) {
    if (first->candidate_count == SLM_SOURCES_MAX)
        return fault_set(f, FAULT_UNSUPPORTED, "more than %d safetensors files", SLM_SOURCES_MAX);
    if (first->candidate_count == first->candidate_room) {
        const size_t room = first->candidate_room > 0 ? 2 * first->candidate_room : 64;
        candidate *candidates = realloc(first->candidates, room * sizeof *candidates);
        if (candidates == NULL)
            return fault_system(f, ENOMEM, "cannot read the archive");
        first->candidates = candidates;
        first->candidate_room = room;
    }
    candidate *c = &first->candidates[first->candidate_count];
    *c = (candidate){.path = strdup(members->name)};
    if (c->path == NULL)
        return fault_system(f, ENOMEM, "cannot read the archive");
    first->candidate_count++;
    if (read_candidate(cp, members, first, c, f))
        return true;
    /* What is wrong with it counts only if it turns out to be part of the model; an archive that ends early or holds too much always does.
     */
    if (archive_errno(members->a) != 0 || f->kind == FAULT_SYSTEM || !archive_held_fits(first->held, (uint64_t)members->size))
        return false;
    c->trouble = f->kind;
    c->why = strdup(f->text);
    return c->why != NULL || fault_system(f, ENOMEM, "cannot read the archive");
}

/* Copies the member's content behind what was put aside before. */
static bool put_aside(checkpoint *cp, member_reader *members, first_pass *first, uint64_t *size, fault *f) {
    *size = 0;
    for (size_t got = 1; got > 0;) {
        if (!archive_fill(members->a, cp->buffer, CHECKPOINT_BUFFER, &got, members->name, f))
            return false;
        if (got > SIDE_BYTES_MAX - first->aside_size)
            return fault_set(f, FAULT_UNSUPPORTED, "side files of more than %" PRIu64 " bytes, at '%s'", SIDE_BYTES_MAX, members->name);
        if (!side_ratio_fits(first->aside_size + got, (uint64_t)members->size))
            return fault_set(f, FAULT_INPUT, "member '%s' is refused: the side files are more than %d times as large as the archive",
                             members->name, SIDE_RATIO_MAX);
        int number = positioned_write(first->aside, first->aside_size, cp->buffer, got);
        if (number != 0)
            return fault_system(f, number, "%s: cannot put it aside in a temporary file", members->name);
        first->aside_size += got;
        *size += got;
        checkpoint_progress(cp, got);
    }
    return true;
}

static bool add_file(checkpoint *cp, member_reader *members, first_pass *first, fault *f) {
    uint64_t offset = first->aside_size, size = 0;
    if (cp->options.no_side_files && !ends_with(members->name, ".index.json"))
        return true;
    if (!put_aside(cp, members, first, &size, f))
        return false;
    char *name = members->name;
    members->name = NULL;
    return side_list_add(&first->files, name, size, offset, f);
}

static bool read_members(checkpoint *cp, first_pass *first, fault *f) {
    member_reader *members = members_open(cp->fd, f);
    if (members == NULL)
        return false;
    bool ok = true;
    while (ok) {
        ok = members_next(members, f);
        if (!ok || members->name == NULL)
            break;
        if (!hold(first, (uint64_t)members->size, strlen(members->name) + 1, members->name, f))
            ok = false;
        else if (ends_with(members->name, ".safetensors"))
            ok = add_candidate(cp, members, first, f);
        else
            ok = add_file(cp, members, first, f);
    }
    members_close(members);
    return ok;
}

/* ---- Which folder of the archive is the model ---- */

static size_t folder_length(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash - path) + 1 : 0;
}

static size_t depth_of(const char *path) {
    size_t depth = 0;
    for (; *path != '\0'; path++)
        depth += *path == '/';
    return depth;
}

typedef struct root_search {
    const char *path;  /* of a file in the best folder so far, or NULL */
    const char *rival; /* of one in another folder just as good */
    bool named;        /* the best has a file with one of the usual names */
} root_search;

static void consider(root_search *s, const char *path) {
    size_t length = folder_length(path);
    const char *name = path + length;
    if (name[0] == '.' || !(ends_with(name, ".safetensors") || ends_with(name, ".safetensors.index.json")))
        return;
    bool named = strcmp(name, "model.safetensors") == 0 || strcmp(name, "model.safetensors.index.json") == 0;
    if (s->path != NULL && length == folder_length(s->path) && memcmp(path, s->path, length) == 0) {
        s->named |= named;
        return;
    }
    size_t depth = depth_of(path), best = s->path != NULL ? depth_of(s->path) : SIZE_MAX;
    if (s->path == NULL || (named && !s->named) || (named == s->named && depth < best))
        *s = (root_search){.path = path, .named = named};
    else if (named == s->named && depth == best)
        s->rival = path;
}

/* The folder's path with its final slash, "" for the archive itself; malloc'ed. */
static char *find_root(const first_pass *first, fault *f) {
    root_search s = {0};
    for (int round = 0; round < 2; round++) { /* again, for rivals of a folder that won late */
        s.rival = NULL;
        for (size_t i = 0; i < first->candidate_count; i++)
            consider(&s, first->candidates[i].path);
        for (size_t i = 0; i < first->files.count; i++)
            consider(&s, first->files.files[i].name);
    }
    if (s.path == NULL) {
        fault_set(f, FAULT_INPUT, "no model in the archive: neither model.safetensors nor model.safetensors.index.json");
        return NULL;
    }
    if (s.rival != NULL) {
        fault_set(f, FAULT_INPUT, "several models in the archive: '%s' and '%s'", s.path, s.rival);
        return NULL;
    }
    size_t length = folder_length(s.path);
    char *root = malloc(length + 1);
    if (root == NULL) {
        fault_system(f, ENOMEM, "cannot read the archive");
        return NULL;
    }
    memcpy(root, s.path, length);
    root[length] = '\0';
    return root;
}

/* The part of `path` below `root`, or NULL. */
static const char *below(const char *path, const char *root) {
    size_t length = strlen(root);
    return strncmp(path, root, length) == 0 ? path + length : NULL;
}

/* ---- Sources and side files ---- */

static int compare_candidates(const void *a, const void *b) { return strcmp(((const candidate *)a)->path, ((const candidate *)b)->path); }

/* NULL where there is none; *ok is false where memory is short. */
static candidate *find_candidate(const first_pass *first, const char *root, const char *name, bool *ok) {
    const size_t size = strlen(root) + strlen(name) + 1;
    const candidate key = {.path = malloc(size)};
    candidate *found = NULL;
    *ok = key.path != NULL;
    if (*ok && first->candidate_count > 0) {
        snprintf(key.path, size, "%s%s", root, name);
        found = bsearch(&key, first->candidates, first->candidate_count, sizeof key, compare_candidates);
    }
    free(key.path);
    return found;
}

static bool take_source(checkpoint *cp, const first_pass *first, const char *root, const char *name, fault *f) {
    bool ok;
    candidate *c = find_candidate(first, root, name, &ok);
    if (!ok)
        return fault_system(f, ENOMEM, "cannot read the archive");
    if (c == NULL || c->taken)
        return fault_set(f, FAULT_INPUT, "shard '%s' is missing in the archive: the index says that it holds tensor '%s'", name,
                         model_index_example(&cp->index, name));
    if (c->trouble != FAULT_NONE)
        return fault_set(f, c->trouble, "%s", c->why);
    char *member = strdup(c->path);
    checkpoint_scan *scans = c->scans;
    if (member == NULL)
        return fault_system(f, ENOMEM, "cannot read the archive");
    c->taken = true;
    c->scans = NULL;
    return checkpoint_add_source(cp, strdup(name), member, &c->st, scans, NULL, f);
}

static bool take_index(checkpoint *cp, first_pass *first, const char *root, const char *name, fault *f) {
    for (size_t i = 0; i < first->files.count; i++) {
        const side_file *file = &first->files.files[i];
        const char *own = below(file->name, root);
        if (own == NULL || strcmp(own, name) != 0)
            continue;
        if (!hold(first, (uint64_t)cp->input.size, file->size, file->name, f))
            return false;
        bool ok = file->size <= MODEL_INDEX_MAX || fault_set(f, FAULT_UNSUPPORTED, "more than %u bytes", MODEL_INDEX_MAX);
        char *text = ok ? malloc(file->size > 0 ? (size_t)file->size : 1) : NULL;
        int number = text != NULL ? positioned_read(first->aside, file->offset, text, (size_t)file->size) : ok ? ENOMEM : 0;
        if (number != 0)
            ok = fault_system(f, number, "cannot read");
        ok = ok && model_index_parse(&cp->index, text, (size_t)file->size, f);
        free(text);
        if (!ok)
            fault_prefix(f, file->name);
        return ok;
    }
    return fault_set(f, FAULT_SYSTEM, "the shard index is gone");
}

static bool choose_sources(checkpoint *cp, first_pass *first, const char *root, fault *f) {
    size_t count = 0;
    const char **names = calloc(first->candidate_count + first->files.count + 1, sizeof *names);
    if (names == NULL)
        return fault_system(f, ENOMEM, "cannot read the archive");
    for (size_t i = 0; i < first->candidate_count + first->files.count; i++) {
        const char *path = i < first->candidate_count ? first->candidates[i].path : first->files.files[i - first->candidate_count].name;
        const char *own = below(path, root);
        if (own != NULL && strchr(own, '/') == NULL)
            names[count++] = own;
    }
    const char *index, *single;
    bool ok = model_choose(names, count, &index, &single, f);
    free(names);
    if (ok && single != NULL)
        return take_source(cp, first, root, single, f);
    ok = ok && take_index(cp, first, root, index, f);
    for (size_t i = 0; ok && i < cp->index.shard_count; i++)
        ok = take_source(cp, first, root, cp->index.shards[i], f);
    return ok;
}

/* Names of files relative to the root, those outside skipped; safetensors files that are no source join them without content yet. */
static bool gather_side(checkpoint *cp, first_pass *first, const char *root, bool *missing, fault *f) {
    *missing = false;
    for (size_t i = 0; i < first->candidate_count + first->files.count; i++) {
        bool other = i < first->candidate_count;
        const side_file *file = other ? NULL : &first->files.files[i - first->candidate_count];
        const char *path = other ? first->candidates[i].path : file->name;
        if (other && first->candidates[i].taken)
            continue;
        const char *own = below(path, root);
        if (own == NULL || own[0] == '\0') {
            checkpoint_warn(cp, "skipped: '%s' lies outside the model's folder '%s'", path, root);
            continue;
        }
        if (other && cp->options.no_side_files)
            continue;
        if (other)
            checkpoint_warn(cp, "'%s' does not belong to the model: kept as a side file, not coded", path);
        *missing |= other;
        char *name = strdup(own);
        if (name == NULL)
            return fault_system(f, ENOMEM, "cannot read the archive");
        if (!side_list_add(&cp->side, name, other ? 0 : file->size, other ? UINT64_MAX : file->offset, f))
            return false;
    }
    return true;
}

/* One more reading, for contents that the first did not put aside. */
static bool fetch_missing(checkpoint *cp, first_pass *first, const char *root, fault *f) {
    member_reader *members = members_open(cp->fd, f);
    bool ok = members != NULL;
    while (ok) {
        ok = members_next(members, f);
        if (!ok || members->name == NULL)
            break;
        const char *own = below(members->name, root);
        side_file *file = own != NULL ? side_list_find(&cp->side, own) : NULL;
        if (file == NULL || file->offset != UINT64_MAX)
            continue;
        file->offset = first->aside_size;
        ok = put_aside(cp, members, first, &file->size, f);
    }
    members_close(members);
    return ok;
}

/* Only model files: side files are compared when they are sorted. */
static bool sort_candidates(first_pass *first, fault *f) {
    if (first->candidate_count > 0)
        qsort(first->candidates, first->candidate_count, sizeof *first->candidates, compare_candidates);
    for (size_t i = 1; i < first->candidate_count; i++)
        if (compare_candidates(&first->candidates[i - 1], &first->candidates[i]) == 0)
            return fault_set(f, FAULT_INPUT, "the archive holds '%s' twice", first->candidates[i].path);
    return true;
}

static bool read_aside(void *context, const side_file *file, uint64_t offset, void *buffer, size_t size, fault *f) {
    const first_pass *first = context;
    int number = positioned_read(first->aside, file->offset + offset, buffer, size);
    return number == 0 || fault_system(f, number, "%s: cannot read it back from the temporary file", file->name);
}

bool checkpoint_open_archive(checkpoint *cp, fault *f) {
    first_pass first = {.aside = -1};
    bool missing = false;
    int number = unnamed_file(&first.aside);
    bool ok = number == 0 || fault_system(f, number, "cannot create a temporary file for the side files");
    ok = ok && read_members(cp, &first, f) && sort_candidates(&first, f);
    char *root = ok ? find_root(&first, f) : NULL;
    ok = root != NULL && choose_sources(cp, &first, root, f) && gather_side(cp, &first, root, &missing, f);
    if (ok && missing)
        ok = side_list_sort(&cp->side, f) && fetch_missing(cp, &first, root, f);
    ok = ok && checkpoint_pack_side(cp, read_aside, &first, f);
    free(root);
    for (size_t i = 0; i < first.candidate_count; i++) {
        free(first.candidates[i].path);
        free(first.candidates[i].scans);
        free(first.candidates[i].why);
        safetensors_free(&first.candidates[i].st);
    }
    free(first.candidates);
    side_list_free(&first.files);
    if (first.aside >= 0)
        close(first.aside);
    return ok;
}

/* ---- Later passes ---- */

bool archive_pass_start(checkpoint *cp, fault *f) {
    archive_pass_end(cp);
    for (size_t i = 0; i < cp->source_count; i++)
        cp->states[i].seen = false;
    member_reader *members = members_open(cp->fd, f);
    if (members == NULL)
        return false;
    cp->pass = malloc(sizeof *cp->pass);
    if (cp->pass == NULL) {
        members_close(members);
        return fault_system(f, ENOMEM, "cannot read the archive");
    }
    *cp->pass = (archive_pass){.members = members, .source = SIZE_MAX};
    return true;
}

void archive_pass_end(checkpoint *cp) {
    if (cp->pass == NULL)
        return;
    members_close(cp->pass->members);
    free(cp->pass);
    cp->pass = NULL;
}

static bool archive_changed(fault *f) { return fault_set(f, FAULT_SYSTEM, "the archive changed while it was read"); }

static int compare_to_member(const void *name, const void *state) { return strcmp(name, ((const source_state *)state)->member); }

/* Goes to the next member that is a source, past its header. pass->source is SIZE_MAX at the archive's end. */
static bool next_source(checkpoint *cp, fault *f) {
    archive_pass *pass = cp->pass;
    pass->source = SIZE_MAX;
    while (pass->source == SIZE_MAX) {
        if (!members_next(pass->members, f))
            return false;
        if (pass->members->name == NULL)
            break;
        /* Sources are sorted by name, and all lie in one folder. */
        const source_state *found = bsearch(pass->members->name, cp->states, cp->source_count, sizeof *found, compare_to_member);
        if (found != NULL && found->seen)
            return archive_changed(f);
        if (found != NULL)
            pass->source = (size_t)(found - cp->states);
    }
    if (pass->source == SIZE_MAX) {
        for (size_t i = 0; i < cp->source_count; i++)
            if (!cp->states[i].seen)
                return archive_changed(f);
        return true;
    }
    cp->states[pass->source].seen = true;
    pass->next = 0;
    const safetensors *st = &cp->sources[pass->source].st;
    uint8_t prefix[8];
    if (!members_read(pass->members, prefix, sizeof prefix, f))
        return false;
    for (size_t at = 0; at < st->header_size;) {
        size_t piece = st->header_size - at < CHECKPOINT_BUFFER ? st->header_size - at : CHECKPOINT_BUFFER;
        if (!members_read(pass->members, cp->buffer, piece, f))
            return false;
        if (memcmp(cp->buffer, st->header + at, piece) != 0)
            return archive_changed(f);
        at += piece;
    }
    return true;
}

bool archive_pass_next(checkpoint *cp, size_t *tensor, fault *f) {
    archive_pass *pass = cp->pass;
    *tensor = SIZE_MAX;
    if (cp->current != SIZE_MAX) { /* the rest of a tensor that was not read */
        const safetensors_tensor *t = checkpoint_tensor(cp, cp->current);
        for (uint64_t left = t->end - t->begin - cp->cursor; left > 0;) {
            size_t piece = left < CHECKPOINT_BUFFER ? (size_t)left : CHECKPOINT_BUFFER;
            if (!members_read(pass->members, cp->buffer, piece, f))
                return false;
            left -= piece;
        }
    }
    while (pass->source == SIZE_MAX || pass->next == cp->sources[pass->source].st.count) {
        if (!next_source(cp, f))
            return false;
        if (pass->source == SIZE_MAX)
            return true;
    }
    *tensor = cp->sources[pass->source].first_tensor + pass->next++;
    return true;
}

bool archive_pass_read(checkpoint *cp, void *buffer, size_t size, fault *f) { return members_read(cp->pass->members, buffer, size, f); }
