/* Runs a decoder's command in a process group of its own, with a time limit, and compares what it wrote. */
#include "judge.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

const char *const outcome_names[OUTCOMES] = {"passed",      "declined", "wrong output", "wrong refusal", "wrong accept",
                                             "wrong class", "crashed",  "hung",         "not run"};

#define EXIT_INVALID 3
#define EXIT_UNSUPPORTED 4

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The command with its three words filled in; NULL where it is too long. */
static char *fill_in(const char *command, const char *input, const char *output, const char *dtype) {
    const struct { const char *word, *value; } words[] = {{"{input}", input}, {"{output}", output}, {"{dtype}", dtype}};
    const size_t capacity = 65536;
    char *line = malloc(capacity);
    size_t used = 0;
    while (line && *command) {
        const char *piece = command;
        size_t length = 1, skip = 1;
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (strncmp(command, words[i].word, strlen(words[i].word)) == 0) {
                piece = words[i].value;
                length = strlen(piece);
                skip = strlen(words[i].word);
            }
        if (used + length + 1 > capacity) {
            free(line);
            return NULL;
        }
        memcpy(line + used, piece, length);
        used += length;
        command += skip;
    }
    if (line)
        line[used] = 0;
    return line;
}

/* Starts `line` in a shell; what it prints is not ours to show. */
static pid_t start(const char *line) {
    const pid_t child = fork();
    if (child != 0) {
        if (child > 0)
            setpgid(child, child); /* as the child does: whoever is first */
        return child;
    }
    setpgid(0, 0);
    const int null = open("/dev/null", O_RDWR);
    if (null >= 0) {
        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
    }
    execl("/bin/sh", "sh", "-c", line, (char *)NULL);
    _exit(127);
}

/* Waits until the process ends, or the time is over, or everything is to end; then the whole group is killed. True where it ended by
 * itself. */
static bool wait_for(pid_t child, double deadline, const atomic_int *end, int *status) {
    struct timespec pause = {0, 200000};
    for (;;) {
        const pid_t ended = waitpid(child, status, WNOHANG);
        if (ended == child)
            return true;
        if (ended < 0 && errno != EINTR)
            return false;
        if (now() > deadline || atomic_load(end) != 0) {
            kill(-child, SIGKILL);
            waitpid(child, status, 0);
            return false;
        }
        nanosleep(&pause, NULL);
        if (pause.tv_nsec < 10000000)
            pause.tv_nsec += pause.tv_nsec / 4;
    }
}

static bool write_whole(const char *path, const unsigned char *data, size_t size) {
    FILE *stream = fopen(path, "wb");
    if (!stream)
        return false;
    const bool written = fwrite(data, 1, size, stream) == size;
    return fclose(stream) == 0 && written;
}

/* The XXH3-64 of the next `size` bytes; false where there are fewer. */
static bool hash_next(FILE *stream, uint64_t size, uint64_t *sum) {
    XXH3_state_t *state = XXH3_createState();
    unsigned char block[65536];
    bool ok = state && XXH3_64bits_reset(state) == XXH_OK;
    while (ok && size > 0) {
        const size_t want = size < sizeof block ? (size_t)size : sizeof block;
        ok = fread(block, 1, want, stream) == want && XXH3_64bits_update(state, block, want) == XXH_OK;
        size -= want;
    }
    if (ok)
        *sum = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return ok;
}

static outcome compare(const vector *v, const char *path, int dtype, char *detail, size_t room) {
    FILE *stream = fopen(path, "rb");
    if (!stream) {
        snprintf(detail, room, "exit code 0, but no output file");
        return WRONG_OUTPUT;
    }
    outcome result = PASSED;
    for (size_t i = 0; i < v->tensor_count && result == PASSED; i++) {
        const expected_bytes *want = &v->tensors[i].out[dtype];
        uint64_t sum = 0;
        if (!hash_next(stream, want->size, &sum)) {
            snprintf(detail, room, "the output ends within tensor %zu", i);
            result = WRONG_OUTPUT;
        } else if (sum != want->xxh3) {
            snprintf(detail, room, "tensor %zu differs", i);
            result = WRONG_OUTPUT;
        }
    }
    if (result == PASSED && fgetc(stream) != EOF) {
        snprintf(detail, room, "bytes follow the last tensor");
        result = WRONG_OUTPUT;
    }
    fclose(stream);
    return result;
}

static bool supported(const decoder *d, const vector *v) {
    for (const char **need = v->needs; d->supports && *need; need++) {
        bool found = false;
        for (const char **word = d->supports; *word && !found; word++)
            found = strcmp(*word, *need) == 0;
        if (!found)
            return false;
    }
    return true;
}

static outcome judge_refusal(const decoder *d, const vector *v, int code, char *detail, size_t room) {
    if (v->tier == TIER_VALID) {
        if (!supported(d, v))
            return DECLINED;
        snprintf(detail, room, "exit code %d", code);
        return WRONG_REFUSAL;
    }
    const int wanted = v->tier == TIER_UNSUPPORTED ? EXIT_UNSUPPORTED : EXIT_INVALID;
    if (d->exit_codes && code != wanted) {
        snprintf(detail, room, "exit code %d, status %s wants %d", code, v->status, wanted);
        return WRONG_CLASS;
    }
    return PASSED;
}

judgement judge(const decoder *d, const vector *v, const unsigned char *data, int dtype, unsigned slot) {
    judgement result = {.outcome = NOT_RUN};
    char input[1024], output[1024];
    snprintf(input, sizeof input, "%s/%u.slm", d->folder, slot);
    snprintf(output, sizeof output, "%s/%u.out", d->folder, slot);
    unlink(output);
    char *line = fill_in(d->command, input, output, dtype_names[dtype]);
    if (!line || !write_whole(input, data, (size_t)v->size)) {
        snprintf(result.detail, sizeof result.detail, "%s", line ? strerror(errno) : "the command is too long");
        free(line);
        return result;
    }
    const double began = now();
    const pid_t child = start(line);
    free(line);
    int status = 0;
    if (child < 0) {
        snprintf(result.detail, sizeof result.detail, "%s", strerror(errno));
        return result;
    }
    const bool ended = wait_for(child, began + d->timeout, d->end, &status);
    result.seconds = now() - began;
    const int code = ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    char *detail = result.detail;
    const size_t room = sizeof result.detail;
    if (atomic_load(d->end) != 0) {
        result.outcome = NOT_RUN;
    } else if (!ended) {
        snprintf(detail, room, "no end after %g s", d->timeout);
        result.outcome = HUNG;
    } else if (code < 0 || code > 128) {
        /* A shell passes a child's signal n on as exit code 128 + n. */
        snprintf(detail, room, "signal %d", code < 0 ? WTERMSIG(status) : code - 128);
        result.outcome = CRASHED;
    } else if (code == 126 || code == 127) {
        snprintf(detail, room, "the command cannot be run (exit code %d)", code);
    } else if (code != 0) {
        result.outcome = judge_refusal(d, v, code, detail, room);
    } else if (v->tier != TIER_VALID) {
        snprintf(detail, room, "accepted, status %s was wanted", v->status);
        result.outcome = WRONG_ACCEPT;
    } else {
        result.outcome = compare(v, output, dtype, detail, room);
    }
    unlink(input);
    unlink(output);
    return result;
}
