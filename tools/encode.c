/* tools/encode.c: slm encode: from a checkpoint to a .slm file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "encode_budget.h"
#include "encode_output.h"
#include "fault_report.h"
#include "human.h"
#include "output.h"
#include "profile_text.h"
#include "report.h"

#define SCALE_CANDIDATES_MAX 64 /* of slm_encoder_options */

enum {
    OPTION_PROFILE_FOR = OPTION_OWN,
    OPTION_INCLUDE,
    OPTION_EXCLUDE,
    OPTION_SCALE,
    OPTION_SCALE_CANDIDATES,
    OPTION_SEARCH,
    OPTION_ROTATION,
    OPTION_IMPORTANCE,
    OPTION_HESSIAN,
    OPTION_BITS,
    OPTION_DRY_RUN,
    OPTION_VERIFY,
    OPTION_RESUME,
    OPTION_FOLLOW_LINKS,
    OPTION_NO_SIDE_FILES
};

static const option_spec options[] = {
    {'o', "output", "FILE", "write to FILE; - is standard output"},
    {'f', "force", NULL, "replace FILE if it is there"},
    {'p', "profile", "PROFILE",
     "how to code: slm-4 (the default), slm-2, slm-2.5, slm-3, slm-3.5, slm-5, slm-6, slm-4-fast, paper-4, paper-3, or a coding and its "
     "parameters such as block,C=8,P=6,K=13,W=4,step=2,E=1,B=3,norm=0 or trellis,K=12,k=3 (parameters left out are those of paper-4 and "
     "slm-4, taps those of the paper's Table 6 where K is not 16)"},
    {OPTION_PROFILE_FOR, "profile-for", "GLOB=PROFILE",
     "another profile for tensors whose names match GLOB, which are then coded whatever they are called and however small they are; may be "
     "given again: the last that matches counts"},
    {OPTION_BITS, "bits", "N",
     "in place of --profile: for each tensor one of slm-2, slm-2.5, slm-3, slm-3.5, slm-4, slm-5 and slm-6, so that the coded weights have "
     "N "
     "bits on average at most, scales included, and the sum of all squared errors is as small as samples tell. Tensors of --profile-for "
     "keep "
     "theirs and count"},
    {OPTION_INCLUDE, "include", "GLOB",
     "code only tensors whose names match GLOB (and those of --profile-for), whatever they are called and however small they are; may be "
     "given again"},
    {OPTION_EXCLUDE, "exclude", "GLOB", "leave tensors whose names match GLOB raw, before all else; may be given again"},
    {OPTION_SCALE, "scale", "tensor|row",
     "one scale for a tensor or one for a row; the default is row, but tensor for block coding with norm=1, as in the paper"},
    {OPTION_SCALE_CANDIDATES, "scale-candidates", "N",
     "try N scales (1 to 64) around the one the rule gives, each with the full search, and keep the one of least error; takes N times as "
     "long. 1, the default, is the rule's alone"},
    {OPTION_SEARCH, "search", "exact|fast|paper",
     "exact (the default): the least squared error there is; fast: trellis coding only, in a third to half of the time, with at most 0.5 % "
     "more "
     "error; paper: the paper's heuristic, block coding only"},
    {OPTION_ROTATION, "rotation", "auto|none|4..10",
     "randomised Hadamard rotation of segments of 2^N weights; where 2^N does not divide the run, the largest power that does is taken. "
     "auto (the default): trellis-coded tensors by 8 or the largest that divides, or by none or a larger one where a sample of the tensor "
     "errs at least 1 % less so"},
    {OPTION_IMPORTANCE, "importance", "FILE",
     "count squared errors by what the weights of a column are multiplied with: FILE is a .safetensors file with a vector for each "
     "tensor's "
     "name, the mean squared activation of each column, or llama.cpp's importance matrix of the .dat kind. Tensors that are not in it are "
     "coded as without"},
    {OPTION_HESSIAN, "hessian", "FILE",
     "feed the errors of a row's columns into the targets of those to come (GPTQ, LDLQ), so that the error of products is small: FILE is a "
     ".safetensors file with a matrix for each tensor's name, the mean of x x^T over the inputs x. Trellis coding only; tensors that are "
     "not in it are coded as without"},
    {'T', "threads", "N", "search with N threads; 0, the default, is as many as there are processors. The result is the same"},
    {OPTION_DRY_RUN, "dry-run", NULL, "only say what would be done, how large it gets and about how long it takes"},
    {OPTION_VERIFY, "verify", NULL, "decode what was written and compare it with the input before it gets its name"},
    {OPTION_RESUME, "resume", NULL,
     "go on with an encoding that was cut off, where the same command left its unfinished file; and should this one be, too, leave it"},
    {OPTION_FOLLOW_LINKS, "follow-links", NULL, "in a folder, take symbolic links to files for the files"},
    {OPTION_NO_SIDE_FILES, "no-side-files", NULL, "leave out files that are not the model: configuration, tokenizer, ..."},
    {OPTION_JSON, "json", NULL, "print a JSON report in place of the table"},
    OPTION_COMMON,
    {0},
};

typedef struct encode_command {
    encode_job job;
    const char *importance_path, *hessian_path;
    bool has_profile;
    importance_file importance;
    hessian_file hessian;
    bool dry_run, verify, json;
    checkpoint_options source;
    encode_output output;
    progress *scan;
} encode_command;

/* ---- Options ---- */

static bool append_glob(const char ***list, size_t *count, const char *glob) {
    const char **longer = realloc(*list, (*count + 1) * sizeof *longer);
    if (longer == NULL)
        return false;
    longer[(*count)++] = glob;
    *list = longer;
    return true;
}

static int profile_error(const char *option, const fault *f) {
    if (f->kind == FAULT_USAGE || f->kind == FAULT_INPUT)
        return usage_error(&command_encode, "%s: %s", option, f->text);
    return fault_report(f, option);
}

/* GLOB=PROFILE; the profile's own parameters contain '=', too, so the first one divides. */
static int add_choice(plan_rules *rules, const char *text) {
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return usage_error(&command_encode, "--profile-for takes GLOB=PROFILE, not \"%s\"", text);
    fault f;
    plan_choice choice = {.glob = strndup(text, (size_t)(equals - text))};
    plan_choice *longer = realloc(rules->choices, (rules->choice_count + 1) * sizeof *longer);
    if (longer != NULL)
        rules->choices = longer;
    if (choice.glob == NULL || longer == NULL) {
        free(choice.glob);
        message_error("no memory");
        return EXIT_CODE_FAILURE;
    }
    if (!profile_from_text(equals + 1, &choice.profile, &f)) {
        free(choice.glob);
        return profile_error("--profile-for", &f);
    }
    rules->choices[rules->choice_count++] = choice;
    return EXIT_CODE_OK;
}

static int set_rotation(plan_rules *rules, const char *text) {
    uint64_t value;
    if (strcmp(text, "auto") == 0)
        rules->rotation = PLAN_ROTATION_AUTO;
    else if (strcmp(text, "none") == 0)
        rules->rotation = 0;
    else if (argument_uint(&command_encode, "--rotation", text, SLM_ROTATION_MIN, SLM_ROTATION_MAX, &value))
        rules->rotation = (int)value;
    else
        return EXIT_CODE_USAGE;
    return EXIT_CODE_OK;
}

static int set_search(plan_rules *rules, const char *text) {
    for (int i = 0; i <= SLM_SEARCH_FAST; i++) {
        if (strcmp(text, plan_search_name((slm_search)i)) == 0) {
            rules->search = (slm_search)i;
            return EXIT_CODE_OK;
        }
    }
    return usage_error(&command_encode, "--search takes exact, fast or paper, not \"%s\"", text);
}

static int set_candidates(plan_rules *rules, const char *text) {
    uint64_t value;
    if (!argument_uint(&command_encode, "--scale-candidates", text, 1, SCALE_CANDIDATES_MAX, &value))
        return EXIT_CODE_USAGE;
    rules->scale_candidates = (unsigned)value;
    return EXIT_CODE_OK;
}

/* The index of `text` among two words, or -1 after a message. */
static int one_of(const char *option, const char *text, const char *first, const char *second) {
    if (strcmp(text, first) == 0)
        return 0;
    if (strcmp(text, second) == 0)
        return 1;
    usage_error(&command_encode, "%s takes %s or %s, not \"%s\"", option, first, second, text);
    return -1;
}

static int take_option(encode_command *c, int code, const char *argument) {
    plan_rules *rules = &c->job.rules;
    fault f;
    int word;
    bool ok = true;
    switch (code) {
    case 'o': c->job.output = c->output.path = argument; break;
    case 'f': c->output.force = true; break;
    case 'p':
        if (!profile_from_text(argument, &rules->profile, &f))
            return profile_error("--profile", &f);
        c->has_profile = true;
        break;
    case OPTION_BITS:
        if (!argument_real(&command_encode, "--bits", argument, 0.5, 16, &rules->bits))
            return EXIT_CODE_USAGE;
        break;
    case OPTION_PROFILE_FOR: return add_choice(rules, argument);
    case OPTION_INCLUDE: ok = append_glob(&rules->include, &rules->include_count, argument); break;
    case OPTION_EXCLUDE: ok = append_glob(&rules->exclude, &rules->exclude_count, argument); break;
    case OPTION_SCALE:
        if ((word = one_of("--scale", argument, "tensor", "row")) < 0)
            return EXIT_CODE_USAGE;
        rules->scale = word == 0 ? PLAN_SCALE_TENSOR : PLAN_SCALE_ROW;
        break;
    case OPTION_SCALE_CANDIDATES: return set_candidates(rules, argument);
    case OPTION_SEARCH: return set_search(rules, argument);
    case OPTION_ROTATION: return set_rotation(rules, argument);
    case OPTION_IMPORTANCE: c->importance_path = argument; break;
    case OPTION_HESSIAN: c->hessian_path = argument; break;
    case 'T': return argument_threads(&command_encode, argument, &c->job.threads) ? EXIT_CODE_OK : EXIT_CODE_USAGE;
    case OPTION_DRY_RUN: c->dry_run = true; break;
    case OPTION_VERIFY: c->verify = true; break;
    case OPTION_RESUME: c->output.resume = true; break;
    case OPTION_FOLLOW_LINKS: c->source.follow_links = true; break;
    case OPTION_NO_SIDE_FILES: c->source.no_side_files = true; break;
    case OPTION_JSON: c->json = true; break;
    default: break;
    }
    if (ok)
        return EXIT_CODE_OK;
    message_error("no memory");
    return EXIT_CODE_FAILURE;
}

/* ---- The job ---- */

static void warn(void *context, const char *text) {
    (void)context;
    message_warning("%s", text);
}

static void show_scan(void *context, uint64_t bytes) { progress_add(((encode_command *)context)->scan, bytes); }

static bool open_and_plan(encode_command *c, fault *f) {
    encode_job *job = &c->job;
    c->scan = progress_start("reading", 0, PROGRESS_BYTES);
    bool ok = checkpoint_open(&job->cp, job->input, &c->source, f) && plan_make(&job->plan, job->cp, &job->rules, f);
    progress_stop(c->scan);
    c->scan = ok ? progress_start("looking for NaN and infinity", plan_scan_bytes(&job->plan, job->cp), PROGRESS_BYTES) : NULL;
    ok = ok && plan_scan(&job->plan, job->cp, f) && budget_check(job, f);
    progress_stop(c->scan);
    c->scan = NULL;
    return ok;
}

static bool choose_and_lay_out(encode_job *job, fault *f) {
    job->progress = progress_start("choosing by samples", job->plan.coded_elements, PROGRESS_WEIGHTS);
    bool ok = encode_choose(job, f);
    progress_stop(job->progress);
    job->progress = NULL;
    return ok && encode_layout(job, f);
}

static void name_nonfinite(const encode_job *job) {
    for (size_t i = 0; i < job->plan.count; i++)
        if (job->plan.tensors[i].scanned && job->plan.tensors[i].scan.first_nonfinite != UINT64_MAX)
            message_warning("tensor \"%s\" contains NaN or infinity (first at element %llu) and stays raw",
                            checkpoint_tensor(job->cp, i)->name, (unsigned long long)job->plan.tensors[i].scan.first_nonfinite);
}

static int dry_run(encode_command *c) {
    fault f;
    if (!choose_and_lay_out(&c->job, &f))
        return fault_report(&f, c->job.input);
    double estimate = encode_estimate(&c->job);
    if (c->json)
        return encode_print_json(&c->job, false, estimate);
    encode_print(&c->job, stdout, false);
    human h;
    if (estimate >= 0)
        printf("time    about %s with %u threads, by a sample\n", human_duration(&h, estimate), c->job.threads);
    return output_finish();
}

static int write_file(encode_command *c) {
    encode_job *job = &c->job;
    fault f;
    if (!encode_output_create(&c->output, job, &f))
        return fault_report(&f, job->output);
    if (!choose_and_lay_out(job, &f))
        return fault_report(&f, f.kind == FAULT_SYSTEM ? NULL : job->input);
    if (!encode_output_size(&c->output, job, &f))
        return fault_report(&f, job->output);
    job->progress = progress_start("encoding", job->plan.coded_elements, PROGRESS_WEIGHTS);
    bool ok = encode_fill(job, &f);
    progress_stop(job->progress);
    job->progress = NULL;
    if (!ok)
        return fault_report(&f, f.kind == FAULT_INPUT ? job->input : NULL);
    if (c->verify) {
        job->progress = progress_start("verifying", checkpoint_data_size(job->cp), PROGRESS_BYTES);
        ok = encode_verify(job, &f);
        progress_stop(job->progress);
        job->progress = NULL;
        if (!ok && f.kind == FAULT_INPUT) {
            c->output.worthless = true;
            fault_report(&f, NULL);
            return EXIT_CODE_DIFFERENT;
        }
        if (!ok)
            return fault_report(&f, NULL);
        message_note("verified: every tensor decodes as its search reported");
    }
    if (!encode_output_commit(&c->output, job, &f))
        return fault_report(&f, encode_output_is_stream(&c->output) ? "standard output" : job->output);
    if (c->json && !encode_output_is_stream(&c->output))
        return encode_print_json(job, true, 0);
    if (message_verbosity() >= 0) {
        encode_print(job, encode_output_is_stream(&c->output) ? stderr : stdout, true);
        return output_finish();
    }
    return EXIT_CODE_OK;
}

static int encode(encode_command *c) {
    encode_job *job = &c->job;
    struct stat about;
    bool there = false;
    fault f;
    /* Before any work is done. A dry run only looks, but the file it would replace is no side file either. */
    if (job->output != NULL && !encode_output_is_stream(&c->output) &&
        !output_check(job->output, job->input, c->output.force || c->dry_run, false, &about, &there, &f))
        return fault_report(&f, job->output);
    if (!c->dry_run && encode_output_is_stream(&c->output) && isatty(STDOUT_FILENO))
        return usage_error(&command_encode, "a .slm file is not written to a terminal; -o FILE names one");
    if (c->importance_path != NULL) {
        if (!importance_file_read(&c->importance, c->importance_path, &f))
            return fault_report(&f, c->importance_path);
        job->rules.importance = &c->importance;
    }
    if (c->hessian_path != NULL) {
        if (!hessian_file_open(&c->hessian, c->hessian_path, &f))
            return fault_report(&f, c->hessian_path);
        job->rules.hessian = &c->hessian;
    }
    c->source.context = c;
    c->source.warn = warn;
    c->source.progress = show_scan;
    c->source.skip = there ? &about : NULL;
    if (!open_and_plan(c, &f))
        return fault_report(&f, job->input);
    if (there && checkpoint_reads_from(job->cp, &about)) {
        message_error("%s: is both input and output", job->output);
        return EXIT_CODE_USAGE;
    }
    job->results = calloc(job->plan.count > 0 ? job->plan.count : 1, sizeof *job->results);
    if (job->results == NULL) {
        message_error("no memory");
        return EXIT_CODE_FAILURE;
    }
    name_nonfinite(job);
    const char *weights = c->hessian_path != NULL ? c->hessian_path : c->importance_path;
    if (weights != NULL && job->plan.weighted == 0) {
        message_error("%s: names none of the tensors that are coded", weights);
        return EXIT_CODE_USAGE;
    }
    if (weights != NULL && job->plan.weighted < job->plan.coded)
        message_warning("%s has nothing for %zu of %zu coded tensors", weights, job->plan.coded - job->plan.weighted, job->plan.coded);
    return c->dry_run ? dry_run(c) : write_file(c);
}

static void release(encode_command *c) {
    plan_rules *rules = &c->job.rules;
    encode_output_close(&c->output, &c->job);
    slm_layout_free(c->job.layout);
    plan_free(&c->job.plan);
    checkpoint_close(c->job.cp);
    free(c->job.results);
    for (size_t i = 0; i < rules->choice_count; i++)
        free(rules->choices[i].glob);
    free(rules->choices);
    importance_file_free(&c->importance);
    hessian_file_close(&c->hessian);
    free(rules->include);
    free(rules->exclude);
}

static int parse_and_encode(encode_command *c, int argc, char **argv) {
    option_parser parser;
    options_begin(&parser, &command_encode, argc, argv);
    for (int code; (code = options_next(&parser)) != OPTION_END;) {
        if (code == OPTION_STOP)
            return parser.exit_code;
        int failed = take_option(c, code, parser.argument);
        if (failed != EXIT_CODE_OK)
            return failed;
    }
    if (parser.operand_count != 1)
        return usage_error(&command_encode, parser.operand_count == 0 ? "no input is given" : "one input is taken, not several");
    c->job.input = parser.operands[0];
    if (c->job.output == NULL && !c->dry_run)
        return usage_error(&command_encode, "-o FILE is missing");
    if (c->has_profile && c->job.rules.bits > 0)
        return usage_error(&command_encode, "--profile and --bits exclude each other");
    if (c->importance_path != NULL && c->job.rules.search == SLM_SEARCH_PAPER)
        return usage_error(&command_encode, "--importance is for the exact search: the paper's takes all errors alike");
    if (c->importance_path != NULL && c->hessian_path != NULL)
        return usage_error(&command_encode, "--importance and --hessian exclude each other: a Hessian's diagonal is an importance");
    if (c->output.resume && (c->dry_run || encode_output_is_stream(&c->output)))
        return usage_error(&command_encode, "--resume needs a file to go on with");
    return encode(c);
}

static int run(int argc, char **argv) {
    encode_command c = {
        .output = {.stream = -1},
        .job = {.rules = {.rotation = PLAN_ROTATION_AUTO, .scale_candidates = 1, .profile = *slm_profile_by_name("slm-4")}}};
    c.job.threads = processors_available();
    int code = parse_and_encode(&c, argc, argv);
    release(&c);
    return code;
}

const command command_encode = {
    .name = "encode",
    .summary = "encode a model to a .slm file",
    .synopsis = "[OPTIONS] INPUT -o FILE\n[OPTIONS] --dry-run INPUT",
    .description =
        "INPUT is a .safetensors file; a model folder, with model.safetensors or model.safetensors.index.json and its shards; an archive "
        "of "
        "such a folder (tar, tar.gz, tar.zst, zip), which is read without unpacking it; or - for a .safetensors file or an archive on "
        "standard input. The other files of a folder are packed into the .slm file, too.\n\n"
        "Tensors of type F32, F16 or BF16 with at least 2 dimensions and 4,096 elements are coded. Embeddings (*embed*, *wte*, *wpe*), "
        "output "
        "heads (*lm_head*, output.weight) and norms (*norm*, *ln_*) stay raw unless --include or --profile-for names them, and so does any "
        "tensor with a NaN or an infinity. Raw tensors come back bit for bit.\n\n"
        "A row, the unit that is coded by itself, is the last dimension, or as many of the last ones as make 64 elements, or an equal part "
        "of "
        "16,384 elements at most.\n\n"
        "Nothing stands under the name FILE until all is written. Until then there are .slm-FILE.part and .slm-FILE.journal beside it. "
        "Where a "
        "run is cut off, by a crash or a power cut, the same command with --resume goes on, some ten seconds of work lost; where it is "
        "interrupted or fails they are removed, unless --resume was given. The same input and options give the same bytes on every "
        "machine.",
    .options = options,
    .epilogue = "Examples:\n"
                "  slm encode Llama-3.2-1B -o Llama-3.2-1B.slm\n"
                "  slm encode m.safetensors -o m.slm -p slm-3 --profile-for '*down_proj*=slm-4'\n"
                "  tar c model | zstd | slm encode - -o model.slm --verify\n",
    .run = run,
};
