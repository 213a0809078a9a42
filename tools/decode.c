/* tools/decode.c: slm decode: from a .slm file back to a checkpoint. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "decode_job.h"
#include "fault_report.h"
#include "human.h"
#include "member_path.h"
#include "report.h"
#include "side_listing.h"
#include "slm_input.h"

enum { OPTION_DTYPE = OPTION_OWN, OPTION_NO_SIDE_FILES, OPTION_BYTES };

static const option_spec options[] = {
    {'o', "output", "OUT", "write to OUT; - is standard output, for a single .safetensors file"},
    {'f', "force", NULL, "replace OUT if it is there; a folder only where everything in it would be written again"},
    {OPTION_DTYPE, "dtype", "f32|f16|bf16",
     "give all tensors of type F32, F16 and BF16 as this type; the default is the type that each had. Coded tensors are rounded once, to "
     "this type"},
    {'T', "threads", "N", "decode with N threads; 0, the default, is as many as there are processors"},
    {OPTION_NO_SIDE_FILES, "no-side-files", NULL, "leave out files that are not the model: configuration, tokenizer, ..."},
    {OPTION_BYTES, "bytes", NULL,
     "write nothing but the tensors' bytes to OUT, one tensor behind another in the order of FILE, once FILE is verified entirely; coded "
     "tensors as --dtype says, raw ones as they are"},
    {OPTION_JSON, "json", NULL, "print a JSON report"},
    OPTION_COMMON,
    {0},
};

typedef struct decode_command {
    decode_job job;
    const char *input, *output;
    bool force, no_side_files, bytes, json;
    slm_input file;
} decode_command;

/* ---- What the output is ---- */

static bool choose_form(decode_command *c, fault *f) {
    decode_job *job = &c->job;
    if (c->bytes) {
        job->form = strcmp(c->output, "-") == 0 ? OUTPUT_STREAM : OUTPUT_FILE;
        return true;
    }
    size_t sources = slm_reader_info(job->reader)->sources;
    bool side = side_files_payload(job->reader) != SIZE_MAX;
    if (!output_form_of(c->output, &job->form))
        job->form = sources > 1 || (side && !c->no_side_files) ? OUTPUT_FOLDER : OUTPUT_FILE;
    bool one_file = job->form == OUTPUT_FILE || job->form == OUTPUT_STREAM;
    job->side_wanted = side && !c->no_side_files && !one_file;
    if (one_file && sources > 1)
        return fault_set(f, FAULT_USAGE, "%s is one file, and the model has %zu; name a folder or an archive", c->output, sources);
    if (one_file && side && !c->no_side_files)
        message_note("side files are left out: %s is one file", strcmp(c->output, "-") == 0 ? "the output" : c->output);
    return true;
}

/* The paths of all files that decoding will write, sorted. */
typedef struct path_list {
    const char **paths;
    size_t count;
} path_list;

static bool list_paths(path_list *list, const decode_job *job) {
    *list = (path_list){.paths = malloc((job->source_count + job->side.count + 1) * sizeof *list->paths)};
    if (list->paths == NULL)
        return false;
    for (size_t i = 0; i < job->source_count; i++)
        list->paths[list->count++] = job->sources[i].name;
    for (size_t i = 0; i < job->side.count; i++)
        list->paths[list->count++] = job->side.files[i].name;
    qsort(list->paths, list->count, sizeof *list->paths, compare_texts);
    return true;
}

/* Whether the path is a file's, or a folder's with files in it. */
static bool will_be_written(const path_list *list, const char *path) {
    const size_t length = strlen(path);
    if (bsearch(&path, list->paths, list->count, sizeof *list->paths, compare_texts) != NULL)
        return true;
    size_t low = 0, high = list->count; /* the first that does not come before "PATH/" */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const char *there = list->paths[middle];
        const int order = strncmp(there, path, length);
        if (order < 0 || (order == 0 && (unsigned char)there[length] < '/'))
            low = middle + 1;
        else
            high = middle;
    }
    return low < list->count && strncmp(list->paths[low], path, length) == 0 && list->paths[low][length] == '/';
}

/* Replacing a folder removes all in it: nothing may be there that does not come back. Takes over `fd`. */
static bool check_folder(const decode_command *c, const path_list *written, int fd, const char *prefix, fault *f) {
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
        close(fd);
        return fault_system(f, errno, "cannot list the folder");
    }
    bool ok = true;
    for (struct dirent *entry; ok && (entry = readdir(folder)) != NULL;) {
        char path[4096];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        int length = snprintf(path, sizeof path, "%s%s%s", prefix, prefix[0] != '\0' ? "/" : "", entry->d_name);
        if (!c->force)
            ok = fault_set(f, FAULT_USAGE, "exists already and is not empty; -f replaces it");
        else if (length < 0 || (size_t)length >= sizeof path || !will_be_written(written, path))
            ok = fault_set(f, FAULT_USAGE, "the folder holds '%s', which is not part of the model and would be lost; remove it yourself",
                           path);
        int below = ok ? openat(dirfd(folder), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        if (below >= 0)
            ok = check_folder(c, written, below, path, f);
    }
    closedir(folder);
    return ok;
}

static bool check_output(const decode_command *c, fault *f) {
    struct stat about;
    bool there;
    if (c->job.form == OUTPUT_STREAM)
        return !isatty(STDOUT_FILENO) || fault_set(f, FAULT_USAGE, "a model is not written to a terminal; -o FILE names a file");
    if (!output_check(c->output, c->input, c->force, c->job.form == OUTPUT_FOLDER, &about, &there, f))
        return false;
    if (!there || c->job.form != OUTPUT_FOLDER)
        return true;
    path_list written;
    if (!list_paths(&written, &c->job))
        return fault_system(f, ENOMEM, "cannot list the folder");
    int fd = open(c->output, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool ok = fd >= 0 ? check_folder(c, &written, fd, "", f) : fault_system(f, errno, "cannot list the folder");
    free(written.paths);
    return ok;
}

/* ---- The job ---- */

static uint64_t count_elements(const decode_job *job) {
    uint64_t elements = 0;
    for (size_t i = 0; i < slm_reader_info(job->reader)->tensors; i++)
        elements += slm_reader_tensor(job->reader, i)->elements;
    return elements;
}

static const char *form_name(output_form form) {
    static const char *const names[] = {"safetensors file", "stream", "folder", "archive"};
    return names[form];
}

static int report(const decode_command *c, double seconds) {
    const decode_job *job = &c->job;
    uint64_t elements = count_elements(job);
    if (c->json && job->form != OUTPUT_STREAM) {
        json_t *json = report_new("decode");
        report_set(json, "input", report_text(c->input, strlen(c->input)));
        report_set(json, "output", report_text(c->output, strlen(c->output)));
        report_set(json, "output_kind", json_string(c->bytes ? "bytes" : form_name(job->form)));
        report_set(json, "dtype", job->dtype != 0 ? json_string(slm_dtype_name(job->dtype)) : json_null());
        report_set(json, "sources", report_u64(job->source_count));
        report_set(json, "side_files", report_u64(job->side.count));
        report_set(json, "tensors", report_u64(slm_reader_info(job->reader)->tensors));
        report_set(json, "elements", report_u64(elements));
        report_set(json, "bytes", report_u64(job->bytes_written));
        report_set(json, "seconds", report_real(seconds));
        return report_print(json);
    }
    human h1, h2, h3, h4;
    message_note("decoded %s elements in %s tensors to %s bytes%s%s in %s", human_count(&h1, elements),
                 human_count(&h2, slm_reader_info(job->reader)->tensors), human_count(&h3, job->bytes_written),
                 job->form == OUTPUT_STREAM ? "" : ": ", job->form == OUTPUT_STREAM ? "" : c->output, human_duration(&h4, seconds));
    return EXIT_CODE_OK;
}

static int decode(decode_command *c) {
    decode_job *job = &c->job;
    fault f = {.kind = FAULT_NONE};
    if (!choose_form(c, &f))
        return fault_report(&f, NULL);
    if (!(c->bytes ? decode_verify(job, &f) : decode_plan(job, &f)))
        return fault_report(&f, c->input);
    if (!check_output(c, &f) || !output_open(&job->output, c->output, job->form, c->force, &f))
        return fault_report(&f, job->form == OUTPUT_STREAM ? NULL : c->output);
    job->progress = progress_start("decoding", count_elements(job), PROGRESS_WEIGHTS);
    bool ok = c->bytes ? decode_write_bytes(job, &f) : decode_write(job, &f);
    double seconds = progress_seconds(job->progress);
    progress_stop(job->progress);
    if (!ok)
        return fault_report(&f, f.kind == FAULT_INPUT || f.kind == FAULT_UNSUPPORTED ? c->input : c->output);
    if (!output_commit(job->output, &f))
        return fault_report(&f, c->output);
    return report(c, seconds);
}

static int parse_dtype(decode_command *c, const char *text) {
    static const struct {
        const char *word;
        slm_dtype dtype;
    } words[] = {{"f32", SLM_F32}, {"f16", SLM_F16}, {"bf16", SLM_BF16}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(text, words[i].word) == 0 || strcmp(text, slm_dtype_name(words[i].dtype)) == 0) {
            c->job.dtype = words[i].dtype;
            return EXIT_CODE_OK;
        }
    return usage_error(&command_decode, "--dtype takes f32, f16 or bf16, not \"%s\"", text);
}

static int take_option(decode_command *c, int code, const char *argument) {
    switch (code) {
    case 'o': c->output = argument; break;
    case 'f': c->force = true; break;
    case OPTION_DTYPE: return parse_dtype(c, argument);
    case 'T': return argument_threads(&command_decode, argument, &c->job.threads) ? EXIT_CODE_OK : EXIT_CODE_USAGE;
    case OPTION_NO_SIDE_FILES: c->no_side_files = true; break;
    case OPTION_BYTES: c->bytes = true; break;
    case OPTION_JSON: c->json = true; break;
    default: break;
    }
    return EXIT_CODE_OK;
}

static int run(int argc, char **argv) {
    decode_command c = {.job = {.threads = processors_available()}};
    option_parser parser;
    options_begin(&parser, &command_decode, argc, argv);
    for (int code; (code = options_next(&parser)) != OPTION_END;) {
        if (code == OPTION_STOP)
            return parser.exit_code;
        int failed = take_option(&c, code, parser.argument);
        if (failed != EXIT_CODE_OK)
            return failed;
    }
    if (parser.operand_count != 1)
        return usage_error(&command_decode, parser.operand_count == 0 ? "no input is given" : "one input is taken, not several");
    if (c.output == NULL)
        return usage_error(&command_decode, "-o OUT is missing");
    c.input = parser.operands[0];
    int code = slm_input_open(&c.file, c.input, false);
    if (code != EXIT_CODE_OK)
        return code;
    c.job.reader = c.file.reader;
    code = decode(&c);
    output_close(c.job.output);
    decode_plan_free(&c.job);
    slm_input_close(&c.file);
    return code;
}

const command command_decode = {
    .name = "decode",
    .summary = "decode a .slm file to a model",
    .synopsis = "[OPTIONS] FILE -o OUT",
    .description = "FILE is a .slm file, or - for standard input. OUT is an archive where it ends in .tar, .tar.gz, .tgz, .tar.zst, .tzst "
                   "or .zip; one "
                   "file where it ends in .safetensors; a folder where it ends with a slash or is a folder. Else it is a folder where FILE "
                   "holds several "
                   "shards or side files, and one .safetensors file where not.\n\n"
                   "Every file comes back under its name with its own header, byte for byte; only the data of coded tensors differs, and "
                   "nothing at all "
                   "where all tensors are raw. With --dtype the headers say the new types.\n\n"
                   "With --bytes there are no headers, files or folders: what slm-conform asks of a decoder. FILE is one with several "
                   "shards or "
                   "headers of any kind as well.\n\n"
                   "Nothing stands under the name OUT until all is written.",
    .options = options,
    .epilogue = "Examples:\n"
                "  slm decode Llama-3.2-1B.slm -o Llama-3.2-1B\n"
                "  slm decode model.slm -o model.safetensors --dtype f32\n"
                "  slm decode model.slm -o model.tar.zst\n",
    .run = run,
};
