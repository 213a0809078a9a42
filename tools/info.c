/* tools/info.c: slm info: what a .slm file says about itself. */
#include "info.h"

#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "glob.h"
#include "report.h"

static const option_spec options[] = {
    {'t', "tensors", "GLOB", "list only tensors whose names match; may be given again. * matches dots and slashes too"},
    {OPTION_JSON, "json", NULL, "print a JSON report"},
    OPTION_COMMON,
    {0},
};

bool info_shows(const info_view *view, const slm_tensor *tensor) {
    return view->include_count == 0 || glob_match_any(view->include, view->include_count, tensor->name);
}

double info_bits(uint64_t bytes, uint64_t weights) { return weights == 0 ? 0 : 8.0 * (double)bytes / (double)weights; }

const char *section_name(uint32_t type) {
    switch (type) {
    case SLM_SECTION_PROFILES: return "profiles";
    case SLM_SECTION_TENSORS: return "tensors";
    case SLM_SECTION_METADATA: return "metadata";
    case SLM_SECTION_SOURCES: return "sources";
    case SLM_SECTION_PAYLOADS: return "payloads";
    case SLM_SECTION_CHECKSUMS: return "checksums";
    default: return type & SLM_SECTION_PRIVATE ? "private" : "unknown";
    }
}

const char *payload_kind_name(uint32_t kind) {
    return kind == SLM_PAYLOAD_TENSOR ? "tensor" : kind == SLM_PAYLOAD_SIDE_FILES ? "side files" : "unknown";
}

static uint64_t add_saturated(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

static void gather(info_view *view) {
    const slm_tensor *tensor;
    for (size_t i = 0; (tensor = slm_reader_tensor(view->input.reader, i)) != NULL; i++) {
        view->weights = add_saturated(view->weights, tensor->elements);
        if (tensor->coding == SLM_CODING_RAW)
            continue;
        view->coded_tensors++;
        view->coded_weights = add_saturated(view->coded_weights, tensor->elements);
        view->coded_bytes += tensor->payload_size;
    }
    view->side_fault.kind = FAULT_NONE;
    side_listing_read(&view->side, view->input.reader, &view->side_fault);
}

static json_t *failure_report(const slm_input *input, const char *path) {
    json_t *file = json_object();
    report_set(file, "path", report_text(path, strlen(path)));
    report_set(file, "status", json_string(slm_status_name(input->status)));
    report_set(file, "rule", json_string(input->error.rule != NULL ? input->error.rule : ""));
    report_set(file, "message", report_text(input->error.message, strlen(input->error.message)));
    return file;
}

static int show(const char *path, const char *const *include, size_t include_count, json_t *files, bool first) {
    info_view view = {.include = include, .include_count = include_count};
    int code = slm_input_open(&view.input, path, false);
    if (code != EXIT_CODE_OK) {
        if (files != NULL)
            report_append(files, failure_report(&view.input, path));
        return code;
    }
    gather(&view);
    if (files != NULL)
        report_append(files, info_report(&view));
    else {
        if (!first)
            putchar('\n');
        info_print_text(&view);
    }
    if (view.side_fault.kind != FAULT_NONE) {
        message_error("%s: %s", view.input.name, view.side_fault.text);
        code = view.side_fault.kind == FAULT_SYSTEM ? EXIT_CODE_FAILURE : EXIT_CODE_INVALID;
    }
    side_list_free(&view.side);
    slm_input_close(&view.input);
    return code;
}

static int run(int argc, char **argv) {
    option_parser parser;
    bool json = false;
    size_t include_count = 0;
    const char **include = calloc((size_t)argc, sizeof *include); /* room for every word of the command line */
    if (include == NULL) {
        message_error("no memory");
        return EXIT_CODE_FAILURE;
    }
    options_begin(&parser, &command_info, argc, argv);
    for (int code; (code = options_next(&parser)) != OPTION_END;)
        switch (code) {
        case 't': include[include_count++] = parser.argument; break;
        case OPTION_JSON: json = true; break;
        default: free(include); return parser.exit_code;
        }
    int code = EXIT_CODE_OK;
    if (parser.operand_count == 0)
        code = usage_error(&command_info, "name a .slm file");
    else {
        json_t *files = json ? json_array() : NULL;
        for (int i = 0; i < parser.operand_count; i++)
            code = exit_code_worse(code, show(parser.operands[i], include, include_count, files, i == 0));
        if (json) {
            json_t *report = report_new("info");
            report_set(report, "files", files);
            code = exit_code_worse(code, report_print(report));
        }
    }
    free(include);
    return code;
}

const command command_info = {
    .name = "info",
    .summary = "show what is in .slm files",
    .synopsis = "[--json] [-t GLOB]... FILE...",
    .description =
        "Shows the header, the profiles with their feedback polynomials, the tensors with coding, size and the error stated by the "
        "encoder, the sources, the side files and the metadata of .slm files. FILE - is standard input.\n\n"
        "Header and index are checked, tensor data is not: that is what \"slm verify\" does. With -v sections, payload offsets and "
        "whole metadata are shown too.",
    .options = options,
    .epilogue = "Exit codes: 0 shown, 1 cannot be read, 2 usage, 3 not a valid .slm file,\n4 an unsupported version or feature.",
    .run = run,
};
