/* Reports of a run: TAP, JUnit XML, JSON, and a summary that names rules. */
#include "report.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

bool is_failure(outcome o) { return o != PASSED && o != DECLINED; }

static const char *dtype_of(const trial *t) { return t->vector->tier == TIER_VALID ? dtype_names[t->dtype] : "-"; }

static void print_rules(FILE *stream, const vector *v) {
    for (const char **rule = v->rules; *rule; rule++)
        fprintf(stream, "%s%s", rule == v->rules ? "" : " ", *rule);
}

void report_tap(FILE *stream, const trial *trials, size_t count) {
    fprintf(stream, "TAP version 13\n1..%zu\n", count);
    for (size_t i = 0; i < count; i++) {
        const trial *t = &trials[i];
        const outcome o = t->judgement.outcome;
        fprintf(stream, "%s %zu - %s %s", is_failure(o) ? "not ok" : "ok", i + 1, t->vector->id, dtype_of(t));
        if (o == DECLINED)
            fprintf(stream, " # SKIP not supported, as declared");
        fputc('\n', stream);
        if (is_failure(o)) {
            fprintf(stream, "# %s: %s\n# %s\n# rules: ", outcome_names[o], t->judgement.detail, t->vector->reason);
            print_rules(stream, t->vector);
            fputc('\n', stream);
        }
    }
}

static void print_xml(FILE *stream, const char *text) {
    for (; *text; text++)
        switch (*text) {
        case '&': fputs("&amp;", stream); break;
        case '<': fputs("&lt;", stream); break;
        case '>': fputs("&gt;", stream); break;
        case '"': fputs("&quot;", stream); break;
        default: fputc(*text, stream);
        }
}

static bool close_report(FILE *stream, const char *path) {
    const bool written = !ferror(stream);
    if (fclose(stream) == 0 && written)
        return true;
    perror(path);
    return false;
}

bool report_junit(const char *path, const trial *trials, size_t count) {
    FILE *stream = fopen(path, "w");
    if (!stream) {
        perror(path);
        return false;
    }
    size_t failures = 0, skipped = 0;
    for (size_t i = 0; i < count; i++) {
        failures += is_failure(trials[i].judgement.outcome);
        skipped += trials[i].judgement.outcome == DECLINED;
    }
    fprintf(
        stream,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"slm-conformance\" tests=\"%zu\" failures=\"%zu\" skipped=\"%zu\">\n",
        count, failures, skipped);
    for (size_t i = 0; i < count; i++) {
        const trial *t = &trials[i];
        const outcome o = t->judgement.outcome;
        fprintf(stream, "  <testcase classname=\"%s\" name=\"%s %s\" time=\"%.3f\">", tier_names[t->vector->tier], t->vector->id,
                dtype_of(t), t->judgement.seconds);
        if (o == DECLINED)
            fputs("<skipped/>", stream);
        if (is_failure(o)) {
            fprintf(stream, "<failure message=\"%s: ", outcome_names[o]);
            print_xml(stream, t->judgement.detail);
            fputs("\">", stream);
            print_xml(stream, t->vector->reason);
            fputs(" [", stream);
            print_rules(stream, t->vector);
            fputs("]</failure>", stream);
        }
        fputs("</testcase>\n", stream);
    }
    fputs("</testsuite>\n", stream);
    return close_report(stream, path);
}

bool report_json(const char *path, const trial *trials, size_t count) {
    json_t *list = json_array();
    size_t tally[OUTCOMES] = {0};
    for (size_t i = 0; i < count; i++) {
        const trial *t = &trials[i];
        json_t *rules = json_array();
        for (const char **rule = t->vector->rules; *rule; rule++)
            json_array_append_new(rules, json_string(*rule));
        tally[t->judgement.outcome]++;
        json_array_append_new(list, json_pack("{ss ss ss ss ss sf so}", "id", t->vector->id, "dtype", dtype_of(t), "tier",
                                              tier_names[t->vector->tier], "outcome", outcome_names[t->judgement.outcome], "detail",
                                              t->judgement.detail, "seconds", t->judgement.seconds, "rules", rules));
    }
    json_t *totals = json_object();
    for (outcome o = 0; o < OUTCOMES; o++)
        json_object_set_new(totals, outcome_names[o], json_integer((json_int_t)tally[o]));
    json_t *root = json_pack("{so so}", "totals", totals, "trials", list);
    const bool ok = root && json_dump_file(root, path, JSON_INDENT(1)) == 0;
    if (!ok)
        perror(path);
    json_decref(root);
    return ok;
}

typedef struct rule_count {
    const char *rule;
    size_t failed;
} rule_count;

static int by_rule(const void *a, const void *b) { return strcmp(((const rule_count *)a)->rule, ((const rule_count *)b)->rule); }

/* Each rule that a failed trial covers, with the number of such trials. */
static void print_failed_rules(FILE *stream, const trial *trials, size_t count) {
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        for (const char **rule = trials[i].vector->rules; is_failure(trials[i].judgement.outcome) && *rule; rule++)
            total++;
    rule_count *rules = calloc(total + 1, sizeof *rules);
    if (!rules)
        return;
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        for (const char **rule = trials[i].vector->rules; is_failure(trials[i].judgement.outcome) && *rule; rule++)
            rules[used++] = (rule_count){*rule, 1};
    qsort(rules, used, sizeof *rules, by_rule);
    fputs("rules concerned:", stream);
    for (size_t i = 0; i < used;) {
        size_t same = i;
        while (same < used && strcmp(rules[same].rule, rules[i].rule) == 0)
            same++;
        fprintf(stream, " %s (%zu)", rules[i].rule, same - i);
        i = same;
    }
    fputc('\n', stream);
    free(rules);
}

bool report_summary(FILE *stream, const trial *trials, size_t count) {
    size_t tally[OUTCOMES] = {0}, failed = 0;
    for (size_t i = 0; i < count; i++) {
        const trial *t = &trials[i];
        tally[t->judgement.outcome]++;
        if (!is_failure(t->judgement.outcome))
            continue;
        failed++;
        fprintf(stream, "%-13s %s %s: %s\n              %s [", outcome_names[t->judgement.outcome], t->vector->id, dtype_of(t),
                t->judgement.detail, t->vector->reason);
        print_rules(stream, t->vector);
        fputs("]\n", stream);
    }
    if (failed)
        print_failed_rules(stream, trials, count);
    fprintf(stream, "%zu of %zu passed", tally[PASSED], count);
    for (outcome o = DECLINED; o < OUTCOMES; o++)
        if (tally[o])
            fprintf(stream, ", %zu %s", tally[o], outcome_names[o]);
    fputc('\n', stream);
    return failed == 0;
}
