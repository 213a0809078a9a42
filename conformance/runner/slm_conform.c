/* slm-conform: runs any decoder of .slm files over the conformance suite and says which rules it meets. */
#define _XOPEN_SOURCE 700 /* nftw */

#include <ftw.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

#include "report.h"
#include "suite.h"

enum { EXIT_PASS = 0, EXIT_FAIL = 1, EXIT_USAGE = 2, EXIT_SUITE = 3 };

static const char usage[] =
    "Usage: slm-conform --decoder 'CMD {input} {output} {dtype}' [options]\n"
    "\n"
    "Runs a decoder over every vector of the slm conformance suite. For each file the command gets the path of a .slm file, the path\n"
    "of the output it must write, and f32, f16 or bf16. It must exit 0 and write the bytes of all tensors one after the other (coded\n"
    "ones in that type, raw ones in their own), or exit with 1..125 for a file that must be refused.\n"
    "\n"
    "  --decoder CMD       the decoder's command, run by /bin/sh\n"
    "  --suite PATH        folder or archive (.tar.zst) of the suite; default: the installed one\n"
    "  --dtype LIST        output types to try: f32,f16,bf16 (default: all)\n"
    "  --supports LIST     what a partial decoder can do, of: raw block trellis rotation any-profile paper-4 paper-3 slm-2\n"
    "                      slm-2.5 slm-3 slm-3.5 slm-4 slm-5 slm-6 slm-4-fast, separated by commas; it may refuse valid files that need\n"
    "                      more, but not get them wrong\n"
    "  --exit-codes        the decoder exits with 3 for invalid files and 4 for unsupported ones: check that too\n"
    "  --tier TIER         only valid, invalid, unsupported or limit vectors\n"
    "  --rule RULE         only vectors that cover this rule, such as REC-9\n"
    "  --id ID             only the vector of this name\n"
    "  -j, --jobs N        runs at a time (default: 1)\n"
    "  --timeout SECONDS   for one run (default: 60)\n"
    "  --fail-fast         start no further run after the first failure\n"
    "  --tap               print TAP\n"
    "  --junit FILE        write JUnit XML\n"
    "  --json FILE         write JSON\n"
    "  --list              print the vectors and why they exist; runs nothing\n"
    "  -h, --help\n"
    "\n"
    "Exit code: 0 all passed, 1 some failed, 2 usage, 3 the suite cannot be read or is damaged.\n";

typedef struct options {
    decoder decoder;
    const char *suite, *tier, *rule, *id, *junit, *json;
    bool dtypes[DTYPES];
    bool tap, list, fail_fast;
    unsigned jobs;
} options;

typedef struct work {
    const options *options;
    trial *trials;
    const unsigned char **files; /* the bytes of each trial's file; the suite owns them */
    size_t count;
    atomic_size_t next;
    atomic_uint slots;
    atomic_bool stop; /* --fail-fast: something failed */
} work;

/* ---- Signals: the decoders are killed, the temporary folder goes, and then this ends as the signal would have ended it. ---- */

static atomic_int ended_by;

static void note_signal(int number) { atomic_store(&ended_by, number); }

static void set_signals(void (*handler)(int)) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = handler}, old;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) /* as nohup leaves it */
            sigaction(numbers[i], &action, NULL);
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *where) {
    (void)about, (void)kind, (void)where;
    (void)remove(path);
    return 0;
}

/* With what decoders that were killed left in it. */
static void remove_folder(const char *path) { nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS); }

static void *worker(void *argument) {
    work *w = argument;
    const unsigned slot = atomic_fetch_add(&w->slots, 1);
    for (size_t i; !atomic_load(&w->stop) && atomic_load(&ended_by) == 0 && (i = atomic_fetch_add(&w->next, 1)) < w->count;) {
        w->trials[i].judgement = judge(&w->options->decoder, w->trials[i].vector, w->files[i], w->trials[i].dtype, slot);
        if (w->options->fail_fast && is_failure(w->trials[i].judgement.outcome))
            atomic_store(&w->stop, true);
    }
    return NULL;
}

static void run_all(work *w) {
    pthread_t *threads = calloc(w->options->jobs, sizeof *threads);
    unsigned started = 0;
    while (threads && started < w->options->jobs && pthread_create(&threads[started], NULL, worker, w) == 0)
        started++;
    if (started == 0)
        worker(w);
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    const size_t taken = atomic_load(&w->next);
    if (taken < w->count && atomic_load(&ended_by) == 0) {
        fprintf(stderr, "slm-conform: stopped at the first failure, after %zu of %zu runs\n", taken, w->count);
        w->count = taken;
    }
}

static bool wanted(const options *o, const vector *v) {
    if ((o->tier && strcmp(o->tier, tier_names[v->tier]) != 0) || (o->id && strcmp(o->id, v->id) != 0))
        return false;
    for (const char **rule = v->rules; o->rule && *rule; rule++)
        if (strcmp(*rule, o->rule) == 0)
            return true;
    return !o->rule;
}

/* Splits a list at its commas, in place. */
static const char **split(char *list) {
    size_t count = 1;
    for (const char *c = list; *c; c++)
        count += *c == ',';
    const char **words = calloc(count + 1, sizeof *words);
    size_t used = 0;
    for (char *word = strtok(list, ","); words && word; word = strtok(NULL, ","))
        words[used++] = word;
    return words;
}

static bool parse_dtypes(options *o, char *list) {
    for (int d = 0; d < DTYPES; d++)
        o->dtypes[d] = false;
    for (char *word = strtok(list, ","); word; word = strtok(NULL, ",")) {
        int d = 0;
        while (d < DTYPES && strcmp(word, dtype_names[d]) != 0)
            d++;
        if (d == DTYPES)
            return false;
        o->dtypes[d] = true;
    }
    return o->dtypes[DTYPE_F32] || o->dtypes[DTYPE_F16] || o->dtypes[DTYPE_BF16];
}

static bool known_words(const char **words) {
    static const char *const known[] = {"raw",   "block",   "trellis", "rotation", "any-profile", "paper-4", "paper-3",   "slm-2",
                                        "slm-3", "slm-2.5", "slm-3.5", "slm-4",    "slm-5",       "slm-6",   "slm-4-fast"};
    for (; words && *words; words++) {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof *known && !found; i++)
            found = strcmp(*words, known[i]) == 0;
        if (!found)
            return false;
    }
    return words != NULL;
}

static bool known_tier(const char *name) {
    for (int t = 0; t < TIERS; t++)
        if (strcmp(name, tier_names[t]) == 0)
            return true;
    return false;
}

static int bad_usage(const char *what) {
    fprintf(stderr, "slm-conform: %s; see slm-conform --help\n", what);
    return EXIT_USAGE;
}

/* Returns -1 to go on, or an exit code. */
static int parse_options(options *o, int argc, char **argv) {
    static const struct option longs[] = {{"decoder", required_argument, NULL, 'd'},
                                          {"suite", required_argument, NULL, 's'},
                                          {"dtype", required_argument, NULL, 't'},
                                          {"supports", required_argument, NULL, 'p'},
                                          {"exit-codes", no_argument, NULL, 'x'},
                                          {"tier", required_argument, NULL, 'T'},
                                          {"rule", required_argument, NULL, 'r'},
                                          {"id", required_argument, NULL, 'i'},
                                          {"jobs", required_argument, NULL, 'j'},
                                          {"timeout", required_argument, NULL, 'o'},
                                          {"tap", no_argument, NULL, 'a'},
                                          {"junit", required_argument, NULL, 'u'},
                                          {"json", required_argument, NULL, 'J'},
                                          {"list", no_argument, NULL, 'l'},
                                          {"fail-fast", no_argument, NULL, 'f'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "j:h", longs, NULL)) != -1;) {
        char *end = NULL;
        switch (c) {
        case 'd': o->decoder.command = optarg; break;
        case 's': o->suite = optarg; break;
        case 't':
            if (!parse_dtypes(o, optarg))
                return bad_usage("--dtype takes f32, f16 and bf16");
            break;
        case 'p':
            free(o->decoder.supports);
            o->decoder.supports = split(optarg);
            if (!known_words(o->decoder.supports))
                return bad_usage("--supports takes raw, block, trellis, rotation, any-profile and names of profiles");
            break;
        case 'x': o->decoder.exit_codes = true; break;
        case 'T':
            o->tier = optarg;
            if (!known_tier(o->tier))
                return bad_usage("--tier takes valid, invalid, unsupported or limit");
            break;
        case 'r': o->rule = optarg; break;
        case 'i': o->id = optarg; break;
        case 'j':
            o->jobs = (unsigned)strtoul(optarg, &end, 10);
            if (*end || o->jobs < 1 || o->jobs > 1024)
                return bad_usage("--jobs takes a number from 1 to 1024");
            break;
        case 'o':
            o->decoder.timeout = strtod(optarg, &end);
            if (*end || !(o->decoder.timeout > 0))
                return bad_usage("--timeout takes seconds");
            break;
        case 'a': o->tap = true; break;
        case 'u': o->junit = optarg; break;
        case 'J': o->json = optarg; break;
        case 'l': o->list = true; break;
        case 'f': o->fail_fast = true; break;
        case 'h': fputs(usage, stdout); return EXIT_PASS;
        default: return bad_usage("unknown option or missing argument");
        }
    }
    if (optind != argc)
        return bad_usage("unexpected argument");
    if (!o->list && (!o->decoder.command || !strstr(o->decoder.command, "{input}") || !strstr(o->decoder.command, "{output}")))
        return bad_usage("--decoder is needed, with {input} and {output} in it");
    return -1;
}

static void list(const manifest *m, const options *o) {
    for (size_t i = 0; i < m->count; i++) {
        const vector *v = &m->vectors[i];
        if (!wanted(o, v))
            continue;
        printf("%s\t%s\t%s\t", v->id, tier_names[v->tier], v->status);
        for (const char **rule = v->rules; *rule; rule++)
            printf("%s%s", rule == v->rules ? "" : " ", *rule);
        printf("\t%s\n", v->reason);
    }
}

/* Fills trials and files for the vectors wanted: valid ones once an output type. False where a file is missing or damaged. */
static bool plan(work *w, const manifest *m, suite *s) {
    const options *o = w->options;
    for (size_t i = 0; i < m->count; i++) {
        const vector *v = &m->vectors[i];
        if (!wanted(o, v))
            continue;
        const suite_file *file = suite_get(s, v->file);
        if (!file)
            return false;
        if (file->size != v->size || XXH3_64bits(file->data, file->size) != v->xxh3) {
            fprintf(stderr, "slm-conform: %s is not the file the manifest describes\n", v->file);
            return false;
        }
        bool once = false;
        for (int d = 0; d < DTYPES; d++) {
            if (!o->dtypes[d] || (once && v->tier != TIER_VALID))
                continue;
            once = true;
            w->trials[w->count].vector = v;
            w->trials[w->count].dtype = d;
            w->files[w->count++] = file->data;
        }
    }
    return true;
}

static bool run_in(char *folder, options *o, work *w) {
    set_signals(note_signal);
    const bool made = mkdtemp(folder) != NULL;
    if (made) {
        o->decoder.folder = folder;
        o->decoder.end = &ended_by;
        run_all(w);
        remove_folder(folder);
        o->decoder.folder = NULL;
    } else {
        perror(folder);
    }
    set_signals(SIG_DFL);
    return made;
}

static int report_all(const options *o, const work *w) {
    if (o->tap)
        report_tap(stdout, w->trials, w->count);
    bool ok = report_summary(o->tap ? stderr : stdout, w->trials, w->count);
    ok = (!o->junit || report_junit(o->junit, w->trials, w->count)) && ok;
    ok = (!o->json || report_json(o->json, w->trials, w->count)) && ok;
    return ok ? EXIT_PASS : EXIT_FAIL;
}

static int run(options *o, const manifest *m, suite *s) {
    char folder[512];
    const char *base = getenv("TMPDIR");
    if (snprintf(folder, sizeof folder, "%s/slm-conform-XXXXXX", base && *base ? base : "/tmp") >= (int)sizeof folder)
        return bad_usage("TMPDIR is too long");
    const size_t room = m->count * DTYPES + 1;
    work w = {.options = o, .trials = calloc(room, sizeof *w.trials), .files = calloc(room, sizeof *w.files)};
    int status = EXIT_SUITE;
    if (w.files && w.trials && plan(&w, m, s)) {
        if (w.count == 0) {
            status = bad_usage("no vector fits --tier, --rule and --id");
        } else if (run_in(folder, o, &w) && atomic_load(&ended_by) == 0) {
            status = report_all(o, &w);
        }
    }
    free(w.trials);
    free(w.files);
    return status;
}

int main(int argc, char **argv) {
    options o = {.suite = SLM_SUITE, .dtypes = {true, true, true}, .jobs = 1, .decoder = {.timeout = 60}};
    int status = parse_options(&o, argc, argv);
    if (status < 0) {
        suite s;
        manifest m = {0};
        status = EXIT_SUITE;
        const suite_file *file = suite_open(&s, o.suite) ? suite_get(&s, "manifest.json") : NULL;
        if (file && manifest_parse(&m, (const char *)file->data, file->size)) {
            if (o.list) {
                list(&m, &o);
                status = EXIT_PASS;
            } else {
                status = run(&o, &m, &s);
            }
        }
        manifest_free(&m);
        suite_free(&s);
    }
    free(o.decoder.supports);
    if (atomic_load(&ended_by) != 0)
        raise(atomic_load(&ended_by));
    return status;
}
