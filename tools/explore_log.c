/* tools/explore_log.c: the CSV file of slm explore: what was measured is read from it at the start and appended to it, so that a run that
 * was cut off goes on. A last line without its end is cut off; any other line that cannot be read is an error. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "explore.h"

static const char title[] = "source,rows,columns,profile,rotation,bits,error,confidence,encode_ns,decode_ns,cells\n";

static bool keep(explore_log *log, const explore_point *point, fault *f) {
    explore_point *more = realloc(log->points, (log->count + 1) * sizeof *more);
    if (more == NULL)
        return fault_system(f, ENOMEM, "cannot hold the points");
    log->points = more;
    more[log->count++] = *point;
    return true;
}

static bool parse(const char *line, explore_point *p) {
    int used = 0;
    *p = (explore_point){.rows = 0};
    return sscanf(line, "\"%511[^\"]\",%9zu,%9zu,\"%127[^\"]\",%9u,%lf,%lf,%lf,%lf,%lf,%lf%n", p->source, &p->rows, &p->columns, p->profile,
                  &p->rotation, &p->bits, &p->error, &p->confidence, &p->encode, &p->decode, &p->cells, &used) == 11 &&
           line[used] == '\n';
}

bool explore_log_open(explore_log *log, const char *path, fault *f) {
    *log = (explore_log){.file = fopen(path, "a+")};
    if (log->file == NULL)
        return fault_system(f, errno, "cannot open");
    rewind(log->file);
    char line[1024];
    off_t good = 0;
    bool ok = true;
    for (unsigned number = 1; ok && fgets(line, sizeof line, log->file) != NULL; number++) {
        explore_point point;
        if (strchr(line, '\n') == NULL && feof(log->file))
            break;
        if (number == 1 ? strcmp(line, title) != 0 : !parse(line, &point))
            ok = fault_set(f, FAULT_INPUT, "line %u is none that slm explore writes", number);
        else if (number > 1)
            ok = keep(log, &point, f);
        good = ftello(log->file);
    }
    if (ok && ferror(log->file))
        ok = fault_system(f, errno, "cannot read");
    if (ok && ftruncate(fileno(log->file), good) != 0)
        ok = fault_system(f, errno, "cannot cut off the unfinished last line");
    if (ok && good == 0 && (fputs(title, log->file) < 0 || fflush(log->file) != 0))
        ok = fault_system(f, errno, "cannot write");
    if (!ok)
        explore_log_close(log);
    return ok;
}

bool explore_log_add(explore_log *log, const explore_point *p, const char *path, fault *f) {
    if (fprintf(log->file, "\"%s\",%zu,%zu,\"%s\",%u,%.6f,%.7f,%.7f,%.2f,%.4f,%.1f\n", p->source, p->rows, p->columns, p->profile,
                p->rotation, p->bits, p->error, p->confidence, p->encode, p->decode, p->cells) < 0 ||
        fflush(log->file) != 0)
        return fault_system(f, errno, "cannot write to %s", path);
    return keep(log, p, f);
}

const explore_point *explore_log_find(const explore_log *log, const explore_sample *sample, const char *profile, unsigned rotation) {
    for (size_t i = 0; i < log->count; i++) {
        const explore_point *p = &log->points[i];
        if (p->rotation == rotation && p->rows == sample->rows && p->columns == sample->columns && strcmp(p->profile, profile) == 0 &&
            strcmp(p->source, sample->source) == 0)
            return p;
    }
    return NULL;
}

void explore_log_close(explore_log *log) {
    if (log->file != NULL)
        fclose(log->file);
    free(log->points);
    *log = (explore_log){.file = NULL};
}
