/* tools/diff.c: slm diff: how far the tensors of two models lie apart. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "compare.h"
#include "diff_input.h"
#include "glob.h"
#include "human.h"
#include "progress.h"
#include "report.h"
#include "tensor_text.h"

#define PIECE ((size_t)1 << 18) /* elements read at a time; a multiple of 8, so that sub-byte elements end on whole bytes */
#define ELEMENT_BYTES_MAX 8

enum { OPTION_MAX_ERROR = OPTION_OWN };

static const option_spec options[] = {
    {OPTION_MAX_ERROR, "max-error", "X", "make it a check: succeed if no tensor's relative error is above X, and nothing else differs"},
    {'t', "tensors", "GLOB", "compare only tensors whose names match; may be given again. * matches dots and slashes too"},
    {OPTION_JSON, "json", NULL, "print a JSON report"},
    OPTION_COMMON,
    {0},
};

typedef enum outcome { NOT_COMPARED, IDENTICAL, EQUAL, DIFFERENT, OTHER_SHAPE, OTHER_TYPE, ONLY_A, ONLY_B } outcome;

static const char *const outcome_names[] = {"not compared", "identical", "equal", "different", "shape", "dtype", "only in A", "only in B"};

typedef struct result {
    outcome outcome;
    size_t a, b; /* numbers of the tensor, SIZE_MAX where it is missing */
    bool numeric;
    comparison sums;
} result;

typedef struct difference {
    diff_input *a, *b;
    result *results; /* A's tensors in their order, then those only in B */
    size_t count;
    size_t shown[ONLY_B + 1]; /* how many of each outcome */
    double max_error;         /* negative: none was given */
    bool failed_check;
    comparison all, differing; /* numeric tensors */
    double worst;              /* largest relative error */
    const char *const *globs;
    size_t glob_count;
    void *a_piece, *b_piece;
    progress *progress;
} difference;

static bool selected(const difference *d, const char *name) { return d->glob_count == 0 || glob_match_any(d->globs, d->glob_count, name); }

static bool same_shape(const diff_tensor *a, const diff_tensor *b) {
    return a->rank == b->rank && (a->rank == 0 || memcmp(a->shape, b->shape, a->rank * sizeof *a->shape) == 0);
}

static int compare_data(difference *d, result *r, const diff_tensor *a, const diff_tensor *b) {
    for (uint64_t first = 0; first < a->elements; first += PIECE) {
        size_t count = a->elements - first < PIECE ? (size_t)(a->elements - first) : PIECE;
        int code = diff_input_read(d->a, r->a, first, count, d->a_piece);
        if (code == EXIT_CODE_OK)
            code = diff_input_read(d->b, r->b, first, count, d->b_piece);
        if (code != EXIT_CODE_OK)
            return code;
        compare_elements(&r->sums, a->dtype, d->a_piece, b->dtype, d->b_piece, count);
        progress_add(d->progress, count);
    }
    return EXIT_CODE_OK;
}

static int compare_tensor(difference *d, result *r) {
    diff_tensor a = diff_input_tensor(d->a, r->a), b = diff_input_tensor(d->b, r->b);
    r->numeric = compare_as_numbers(a.dtype, b.dtype);
    if (!same_shape(&a, &b)) {
        r->outcome = OTHER_SHAPE;
        return EXIT_CODE_OK;
    }
    if (a.dtype != b.dtype && !r->numeric) {
        r->outcome = OTHER_TYPE;
        return EXIT_CODE_OK;
    }
    progress_item(d->progress, a.name);
    int code = compare_data(d, r, &a, &b);
    if (code == EXIT_CODE_OK) {
        r->sums.bytes_differ |= a.dtype != b.dtype;
        r->outcome = r->sums.different > 0 ? DIFFERENT : r->sums.bytes_differ ? EQUAL : IDENTICAL;
    }
    return code;
}

/* Pairs the tensors by name. */
static bool pair(difference *d) {
    size_t a_count = diff_input_count(d->a), b_count = diff_input_count(d->b);
    d->results = calloc(a_count + b_count + 1, sizeof *d->results);
    bool *seen = calloc(b_count + 1, sizeof *seen);
    if (d->results == NULL || seen == NULL) {
        free(seen);
        return false;
    }
    for (size_t i = 0; i < a_count; i++) {
        diff_tensor t = diff_input_tensor(d->a, i);
        size_t b = diff_input_find(d->b, t.name, t.name_length);
        d->results[d->count++] = (result){.outcome = b == SIZE_MAX ? ONLY_A : NOT_COMPARED, .a = i, .b = b};
        if (b != SIZE_MAX)
            seen[b] = true;
    }
    for (size_t i = 0; i < b_count; i++)
        if (!seen[i])
            d->results[d->count++] = (result){.outcome = ONLY_B, .a = SIZE_MAX, .b = i};
    free(seen);
    return true;
}

static const char *result_name(const difference *d, const result *r) {
    return r->a != SIZE_MAX ? diff_input_tensor(d->a, r->a).name : diff_input_tensor(d->b, r->b).name;
}

/* Goes through the pairs in the order in which a stream gives its tensors, where one side is a stream. */
static int compare_all(difference *d) {
    bool by_b = diff_input_is_stream(d->b);
    diff_input *driver = by_b ? d->b : d->a;
    size_t *result_of = malloc((diff_input_count(driver) + 1) * sizeof *result_of);
    if (result_of == NULL) {
        message_error("no memory");
        return EXIT_CODE_FAILURE;
    }
    uint64_t total = 0;
    for (size_t i = 0; i < d->count; i++) {
        size_t at = by_b ? d->results[i].b : d->results[i].a;
        if (at != SIZE_MAX)
            result_of[at] = i;
        if (d->results[i].outcome == NOT_COMPARED && selected(d, result_name(d, &d->results[i])))
            total += diff_input_tensor(d->a, d->results[i].a).elements;
    }
    d->progress = progress_start("comparing", total, PROGRESS_WEIGHTS);
    int code;
    for (size_t at; (code = diff_input_next(driver, &at)) == EXIT_CODE_OK && at != SIZE_MAX;) {
        result *r = &d->results[result_of[at]];
        if (r->outcome == NOT_COMPARED && selected(d, result_name(d, r)) && (code = compare_tensor(d, r)) != EXIT_CODE_OK)
            break;
    }
    progress_stop(d->progress);
    free(result_of);
    return code;
}

static void summarise(difference *d) {
    for (size_t i = 0; i < d->count; i++) {
        result *r = &d->results[i];
        if (!selected(d, result_name(d, r)))
            r->outcome = NOT_COMPARED;
        d->shown[r->outcome]++;
        if (r->outcome == NOT_COMPARED)
            continue;
        bool measured = r->numeric && (r->outcome == IDENTICAL || r->outcome == EQUAL || r->outcome == DIFFERENT);
        if (measured) {
            compare_add(&d->all, &r->sums);
            if (r->outcome == DIFFERENT)
                compare_add(&d->differing, &r->sums);
            double relative = compare_relative(&r->sums);
            if (relative > d->worst)
                d->worst = relative;
            d->failed_check |= r->sums.nonfinite > 0 || relative > d->max_error;
        } else
            d->failed_check |= r->outcome != IDENTICAL;
    }
}

/* ---- Text ---- */

static void padded(const char *text, size_t length, size_t columns) {
    text_print_escaped(stdout, text, length);
    for (size_t width = text_escaped_width(text, length); width < columns; width++)
        putchar(' ');
}

static void print_measures(const comparison *c) {
    human h;
    printf("  %9s  %10.4g", human_error(&h, compare_relative(c)), c->maximum);
    if (isinf(compare_snr(c)))
        printf("  %7s", "-");
    else
        printf("  %7.2f", compare_snr(c));
}

static void print_row(const difference *d, const result *r, size_t names, size_t shapes) {
    diff_tensor a = {0}, b = {0};
    if (r->a != SIZE_MAX)
        a = diff_input_tensor(d->a, r->a);
    if (r->b != SIZE_MAX)
        b = diff_input_tensor(d->b, r->b);
    const diff_tensor *t = r->a != SIZE_MAX ? &a : &b;
    char shape[SHAPE_TEXT], types[32];
    human h;
    if (r->a != SIZE_MAX && r->b != SIZE_MAX && a.dtype != b.dtype)
        snprintf(types, sizeof types, "%s/%s", slm_dtype_name(a.dtype), slm_dtype_name(b.dtype));
    else
        snprintf(types, sizeof types, "%s", slm_dtype_name(t->dtype));
    const char *coding = b.coding != NULL && strcmp(b.coding, "raw") != 0 ? b.coding : a.coding != NULL ? a.coding : "-";
    padded(t->name, t->name_length, names);
    printf("  %-8s  %-*s  %-7s", types, (int)shapes, shape_text(shape, t->rank, t->shape), coding);
    switch (r->outcome) {
    case IDENTICAL: printf("  identical"); break;
    case EQUAL: printf("  equal values, other bytes"); break;
    case OTHER_SHAPE: printf("  shape differs: %s in B", shape_text(shape, b.rank, b.shape)); break;
    case OTHER_TYPE: printf("  dtype differs"); break;
    case ONLY_A:
    case ONLY_B: printf("  %s", outcome_names[r->outcome]); break;
    case NOT_COMPARED:
    case DIFFERENT:
        if (!r->numeric)
            printf("  %s of %s elements differ", human_count(&(human){0}, r->sums.different), human_count(&h, r->sums.elements));
        else
            print_measures(&r->sums);
        if (r->sums.nonfinite > 0)
            printf("  %s pairs with NaN or infinity", human_count(&h, r->sums.nonfinite));
    }
    putchar('\n');
}

static void print_total(const char *label, const comparison *c, size_t columns) {
    printf("%-*s", (int)columns, label);
    print_measures(c);
    putchar('\n');
}

static bool row_shown(const result *r) { return r->outcome != NOT_COMPARED && (r->outcome != IDENTICAL || message_verbosity() > 0); }

static void print_text(const difference *d, bool same) {
    size_t names = 6, shapes = 5, rows = 0;
    char shape[SHAPE_TEXT];
    for (size_t i = 0; i < d->count; i++) {
        const result *r = &d->results[i];
        if (!row_shown(r))
            continue;
        rows++;
        diff_tensor t = r->a != SIZE_MAX ? diff_input_tensor(d->a, r->a) : diff_input_tensor(d->b, r->b);
        size_t width = text_escaped_width(t.name, t.name_length), length = strlen(shape_text(shape, t.rank, t.shape));
        names = width > names ? width : names;
        shapes = length > shapes ? length : shapes;
    }
    names = names > 60 ? 60 : names;
    shapes = shapes > 24 ? 24 : shapes;
    size_t columns = names + 2 + 8 + 2 + shapes + 2 + 7;
    if (rows > 0)
        printf("%-*s  %-8s  %-*s  %-7s  %9s  %10s  %7s\n", (int)names, "tensor", "dtype", (int)shapes, "shape", "coding", "rel error",
               "max error", "SNR dB");
    for (size_t i = 0; i < d->count; i++)
        if (row_shown(&d->results[i]))
            print_row(d, &d->results[i], names, shapes);
    if (rows > 0 && d->differing.elements > 0) {
        print_total("differing tensors together", &d->differing, columns);
        print_total("all floating tensors together", &d->all, columns);
    }
    bool first = true;
    static const outcome order[] = {IDENTICAL, EQUAL, DIFFERENT, OTHER_SHAPE, OTHER_TYPE, ONLY_A, ONLY_B};
    static const char *const words[] = {"identical",        "of equal values", "different", "of another shape",
                                        "of another dtype", "only in A",       "only in B"};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (d->shown[order[i]] > 0) {
            printf("%s%zu %s", first ? "tensors: " : ", ", d->shown[order[i]], words[i]);
            first = false;
        }
    if (first)
        printf("tensors: none");
    if (d->max_error >= 0)
        printf("; %s --max-error %g", same ? "within" : "NOT within", d->max_error);
    putchar('\n');
}

/* ---- JSON ---- */

static void report_measures(json_t *o, const comparison *c) {
    report_set(o, "relative_error", report_real(compare_relative(c)));
    report_set(o, "maximum_error", report_real(c->maximum));
    report_set(o, "snr_db", report_real(compare_snr(c)));
    report_set(o, "elements", report_u64(c->elements));
    report_set(o, "different_elements", report_u64(c->different));
    report_set(o, "nonfinite_mismatches", report_u64(c->nonfinite));
}

static json_t *report_side(const diff_input *input, size_t index) {
    if (index == SIZE_MAX)
        return json_null();
    diff_tensor t = diff_input_tensor(input, index);
    slm_tensor shaped = {.rank = t.rank, .shape = t.shape};
    json_t *o = json_object();
    report_set(o, "dtype", json_string(slm_dtype_name(t.dtype)));
    report_set(o, "shape", report_shape(&shaped));
    report_set(o, "coding", t.coding != NULL ? json_string(t.coding) : json_null());
    return o;
}

static json_t *report_result(const difference *d, const result *r) {
    diff_tensor t = r->a != SIZE_MAX ? diff_input_tensor(d->a, r->a) : diff_input_tensor(d->b, r->b);
    json_t *o = json_object();
    report_set(o, "name", json_stringn(t.name, t.name_length));
    report_set(o, "outcome", json_string(outcome_names[r->outcome]));
    report_set(o, "a", report_side(d->a, r->a));
    report_set(o, "b", report_side(d->b, r->b));
    if (r->outcome != IDENTICAL && r->outcome != EQUAL && r->outcome != DIFFERENT)
        return o;
    if (r->numeric) {
        report_measures(o, &r->sums);
        report_set(o, "maximum_index", r->sums.maximum > 0 ? report_u64(r->sums.maximum_index) : json_null());
    } else {
        report_set(o, "elements", report_u64(r->sums.elements));
        report_set(o, "different_elements", report_u64(r->sums.different));
    }
    return o;
}

static int print_json(const difference *d, bool same) {
    json_t *report = report_new("diff");
    report_set(report, "a", report_text(diff_input_name(d->a), strlen(diff_input_name(d->a))));
    report_set(report, "b", report_text(diff_input_name(d->b), strlen(diff_input_name(d->b))));
    report_set(report, "same", json_boolean(same));
    report_set(report, "max_error", d->max_error >= 0 ? report_real(d->max_error) : json_null());
    report_set(report, "worst_relative_error", report_real(d->worst));
    json_t *counts = json_object();
    for (size_t i = IDENTICAL; i <= ONLY_B; i++)
        report_set(counts, outcome_names[i], report_u64(d->shown[i]));
    report_set(report, "counts", counts);
    json_t *differing = json_object(), *all = json_object(), *tensors = json_array();
    report_measures(differing, &d->differing);
    report_set(report, "differing", differing);
    report_measures(all, &d->all);
    report_set(report, "all", all);
    for (size_t i = 0; i < d->count; i++)
        if (d->results[i].outcome != NOT_COMPARED)
            report_append(tensors, report_result(d, &d->results[i]));
    report_set(report, "tensors", tensors);
    return report_print(report);
}

/* ---- The command ---- */

static int diff(difference *d, const char *a, const char *b, bool json) {
    int code = diff_input_open(&d->a, a);
    if (code == EXIT_CODE_OK)
        code = diff_input_open(&d->b, b);
    if (code != EXIT_CODE_OK)
        return code;
    if (diff_input_is_stream(d->a) && diff_input_is_stream(d->b))
        return usage_error(&command_diff, "at most one side can be an archive or a stream: unpack one");
    d->a_piece = malloc(PIECE * ELEMENT_BYTES_MAX);
    d->b_piece = malloc(PIECE * ELEMENT_BYTES_MAX);
    if (d->a_piece == NULL || d->b_piece == NULL || !pair(d)) {
        message_error("no memory");
        return EXIT_CODE_FAILURE;
    }
    code = compare_all(d);
    if (code != EXIT_CODE_OK)
        return code;
    summarise(d);
    bool same = d->max_error >= 0 ? !d->failed_check : d->shown[IDENTICAL] + d->shown[NOT_COMPARED] == d->count;
    if (json)
        code = print_json(d, same);
    else if (message_verbosity() >= 0)
        print_text(d, same);
    return exit_code_worse(code, same ? EXIT_CODE_OK : EXIT_CODE_DIFFERENT);
}

static int run(int argc, char **argv) {
    option_parser parser;
    bool json = false;
    difference d = {.max_error = -1};
    const char **globs = calloc((size_t)argc, sizeof *globs);
    if (globs == NULL) {
        message_error("no memory");
        return EXIT_CODE_FAILURE;
    }
    d.globs = globs;
    int code = EXIT_CODE_OK;
    options_begin(&parser, &command_diff, argc, argv);
    for (int option; code == EXIT_CODE_OK && (option = options_next(&parser)) != OPTION_END;)
        switch (option) {
        case OPTION_MAX_ERROR:
            if (!argument_real(&command_diff, "--max-error", parser.argument, 0, 1e300, &d.max_error))
                code = EXIT_CODE_USAGE;
            break;
        case 't': globs[d.glob_count++] = parser.argument; break;
        case OPTION_JSON: json = true; break;
        default: free(globs); return parser.exit_code;
        }
    if (code == EXIT_CODE_OK && parser.operand_count != 2)
        code = usage_error(&command_diff, "two inputs are needed, A and B");
    if (code == EXIT_CODE_OK)
        code = diff(&d, parser.operands[0], parser.operands[1], json);
    diff_input_free(d.a);
    diff_input_free(d.b);
    free(d.results);
    free(d.a_piece);
    free(d.b_piece);
    free(globs);
    return code;
}

const command command_diff = {
    .name = "diff",
    .summary = "measure how far the tensors of two models lie apart",
    .synopsis = "[--max-error X] [-t GLOB]... [-q] [--json] A B",
    .description =
        "Compares the tensors of A and B by name, whatever their order and the files they lie in. Each is a .slm file, a .safetensors "
        "file, a "
        "model folder or an archive of one (one of the two at most); coded tensors are decoded as \"slm decode\" would. A is the "
        "reference.\n\n"
        "For floating tensors (F64, F32, F16, BF16, in any pairing) it tells the relative Frobenius error |A - B| / |A|, the largest |a - "
        "b| "
        "and the signal-to-noise ratio; others are compared byte by byte. NaN equals NaN and an infinity itself; other pairs with a NaN or "
        "an infinity are counted apart and never pass --max-error. Identical tensors are listed with -v only. Side files and metadata are "
        "not compared.",
    .options = options,
    .epilogue = "Exit codes: 0 all tensors identical (with --max-error: close enough, dtypes of\n"
                "floating tensors aside), 5 not so; 1 cannot be read, 2 usage, 3 invalid input,\n4 an unsupported version or feature.",
    .run = run,
};
