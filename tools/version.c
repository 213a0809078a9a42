/* tools/version.c: slm version: releases, kernels, libraries. */
#include <archive.h>
#include <jansson.h>
#include <string.h>
#include <xxhash.h>

#include "command.h"
#include "report.h"
#include "slm/slm.h"

static const option_spec options[] = {{OPTION_JSON, "json", NULL, "print a JSON report"}, OPTION_COMMON, {0}};

/* The kernel the library picks for a named profile, NULL where it picks none. With `forced`, whether that one runs here. */
static const char *kernel_for(const slm_profile *profile, const char *forced) {
    slm_coding coding = {.profile = *profile, .run_length = 4096};
    static slm_decoder decoder; /* large; its kernel's name is static storage */
    return slm_decoder_init(&decoder, &coding, forced) == SLM_OK ? slm_decoder_kernel(&decoder) : NULL;
}

static bool kernel_runs(const char *kernel) {
    for (size_t i = 0; slm_profile_by_index(i) != NULL; i++)
        if (kernel_for(slm_profile_by_index(i), kernel) != NULL)
            return true;
    return false;
}

static void print_text(void) {
    printf("slm %s\n", slm_release());
    printf("format      %d.%d\n", SLM_FORMAT_MAJOR, SLM_FORMAT_MINOR);
    printf("API         %d.%d\n", SLM_API_MAJOR, SLM_API_MINOR);
    printf("kernels    ");
    for (size_t i = 0; slm_kernel_name(i) != NULL; i++)
        printf(" %s%s", slm_kernel_name(i), kernel_runs(slm_kernel_name(i)) ? "" : " (not on this machine)");
    printf("\ndecoding   ");
    for (size_t i = 0; slm_profile_by_index(i) != NULL; i++) {
        const slm_profile *p = slm_profile_by_index(i);
        const char *kernel = kernel_for(p, kernel_wanted());
        printf("%s %s: %s", i > 0 ? "," : "", p->name, kernel != NULL ? kernel : "none");
    }
    printf("\nprocessors  %u\n", processors_available());
    printf("libraries   jansson %s, %s, xxHash %u.%u.%u\n", jansson_version_str(), archive_version_string(), XXH_versionNumber() / 10000,
           XXH_versionNumber() / 100 % 100, XXH_versionNumber() % 100);
}

static int print_json(void) {
    json_t *report = report_new("version");
    report_set(report, "format", json_sprintf("%d.%d", SLM_FORMAT_MAJOR, SLM_FORMAT_MINOR));
    report_set(report, "api", json_sprintf("%d.%d", SLM_API_MAJOR, SLM_API_MINOR));
    json_t *kernels = json_array();
    for (size_t i = 0; slm_kernel_name(i) != NULL; i++) {
        json_t *kernel = json_object();
        report_set(kernel, "name", json_string(slm_kernel_name(i)));
        report_set(kernel, "available", json_boolean(kernel_runs(slm_kernel_name(i))));
        report_append(kernels, kernel);
    }
    report_set(report, "kernels", kernels);
    json_t *decoding = json_object();
    for (size_t i = 0; slm_profile_by_index(i) != NULL; i++) {
        const char *kernel = kernel_for(slm_profile_by_index(i), kernel_wanted());
        report_set(decoding, slm_profile_by_index(i)->name, kernel != NULL ? json_string(kernel) : json_null());
    }
    report_set(report, "decoding", decoding);
    report_set(report, "processors", report_u64(processors_available()));
    json_t *libraries = json_object();
    report_set(libraries, "jansson", json_string(jansson_version_str()));
    report_set(libraries, "libarchive", json_string(archive_version_string()));
    report_set(libraries, "xxhash",
               json_sprintf("%u.%u.%u", XXH_versionNumber() / 10000, XXH_versionNumber() / 100 % 100, XXH_versionNumber() % 100));
    report_set(report, "libraries", libraries);
    return report_print(report);
}

static int run(int argc, char **argv) {
    option_parser parser;
    bool json = false;
    options_begin(&parser, &command_version, argc, argv);
    for (int code; (code = options_next(&parser)) != OPTION_END;) {
        if (code == OPTION_STOP)
            return parser.exit_code;
        json |= code == OPTION_JSON;
    }
    if (parser.operand_count > 0)
        return usage_error(&command_version, "no operand is expected, \"%s\" is one", parser.operands[0]);
    if (json)
        return print_json();
    print_text();
    return EXIT_CODE_OK;
}

const command command_version = {
    .name = "version",
    .summary = "print releases, kernels and libraries",
    .synopsis = "[--json]",
    .description =
        "Prints the release of slm, the format and the API it implements, the decoding kernels of this build, which of them run on "
        "this machine and which one each named profile uses, and the libraries in use.",
    .options = options,
    .run = run,
};
