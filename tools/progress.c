/* tools/progress.c: the progress line. */
#include "progress.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sys/ioctl.h>
#include <unistd.h>

#include "human.h"
#include "message.h"

struct progress {
    pthread_mutex_t lock;
    bool shown;
    progress_unit unit;
    uint64_t total, done;
    double start, drawn;
    char label[64], item[128];
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

progress *progress_start(const char *label, uint64_t total, progress_unit unit) {
    progress *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    pthread_mutex_init(&p->lock, NULL);
    p->shown = message_verbosity() >= 0 && message_stderr_is_terminal();
    p->unit = unit;
    p->total = total;
    p->start = now();
    snprintf(p->label, sizeof p->label, "%s", label);
    return p;
}

static size_t terminal_columns(void) {
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
        return size.ws_col;
    return 80;
}

static void draw(progress *p, double time) {
    double seconds = time - p->start;
    double rate = seconds > 0 ? (double)p->done / seconds : 0;
    double percent = p->total > 0 ? 100 * (double)p->done / (double)p->total : 100;
    human h1, h2;
    char line[512];
    int n = snprintf(line, sizeof line, "%s %3.0f %%", p->label, percent > 100 ? 100 : percent);
    if (seconds >= 0.5 && rate > 0) {
        const char *speed = p->unit == PROGRESS_BYTES ? human_bytes(&h1, (uint64_t)rate) : human_short(&h1, rate);
        double left = p->total > p->done ? (double)(p->total - p->done) / rate : 0;
        n += snprintf(line + n, sizeof line - (size_t)n, "  %s%s/s  %s left", speed, p->unit == PROGRESS_BYTES ? "" : " weights",
                      human_duration(&h2, left));
    }
    /* The line must not wrap: \r would then go back to the middle of it. The item is cut, at a whole character. */
    size_t columns = terminal_columns() - 1, width = (size_t)n, at = 0, used;
    if (p->item[0] != '\0' && width + 3 < columns) {
        line[n++] = ' ';
        line[n++] = ' ';
        width += 2;
        while (p->item[at] != '\0' && width < columns && (size_t)n + 5 < sizeof line) {
            text_code_point(p->item + at, strlen(p->item + at), &used);
            memcpy(line + n, p->item + at, used);
            n += (int)used;
            at += used;
            width++;
        }
    }
    line[n] = '\0';
    message_status_line(line);
    p->drawn = time;
}

void progress_item(progress *p, const char *item) {
    if (p == NULL || !p->shown)
        return;
    char *safe = text_escaped(item, strlen(item));
    pthread_mutex_lock(&p->lock);
    snprintf(p->item, sizeof p->item, "%s", safe != NULL ? safe : "");
    pthread_mutex_unlock(&p->lock);
    free(safe);
}

void progress_add(progress *p, uint64_t done) {
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->done += done;
    if (p->shown) {
        double time = now();
        if (time - p->drawn >= 0.1)
            draw(p, time);
    }
    pthread_mutex_unlock(&p->lock);
}

double progress_seconds(const progress *p) { return p == NULL ? 0 : now() - p->start; }

void progress_stop(progress *p) {
    if (p == NULL)
        return;
    if (p->shown)
        message_status_line(NULL);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
