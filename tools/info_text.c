/* tools/info_text.c: slm info as text. */
#include <inttypes.h>
#include <string.h>

#include "human.h"
#include "info.h"
#include "message.h"
#include "tensor_text.h"

#define VALUE_MAX 160 /* bytes of a metadata value shown without -v */

static void heading(const char *text) {
    bool bold = text_colour(stdout);
    printf("\n%s%s%s\n", bold ? "\033[1m" : "", text, bold ? "\033[0m" : "");
}

static void print_summary(const info_view *view) {
    const slm_file_info *info = slm_reader_info(view->input.reader);
    human h1, h2, h3;
    text_print_escaped(stdout, view->input.name, strlen(view->input.name));
    printf(": slm %u.%u, %s (%s bytes)\n", info->format_major, info->format_minor, human_bytes(&h1, info->file_size),
           human_count(&h2, info->file_size));
    printf("  weights     %s in %s tensors", human_count(&h1, view->weights), human_count(&h2, info->tensors));
    printf(", %.3f bits a weight with everything\n", info_bits(info->file_size, view->weights));
    printf("  coded       %s in %s tensors", human_count(&h1, view->coded_weights), human_count(&h2, view->coded_tensors));
    if (view->coded_weights > 0)
        printf(", %.3f bits a weight, %s", info_bits(view->coded_bytes, view->coded_weights), human_bytes(&h3, view->coded_bytes));
    printf("\n  index       %s, payloads on %s, checksum chunks of %s\n", human_bytes(&h1, info->index_size),
           human_bytes(&h2, UINT64_C(1) << info->align_log2), human_bytes(&h3, UINT64_C(1) << info->chunk_log2));
    if (info->features_may != 0)
        printf("  features    may-ignore bits 0x%08" PRIX32 "\n", info->features_may);
}

static void print_profiles(const slm_reader *reader) {
    const slm_profile *p;
    char words[PROFILE_TEXT], polynomial[POLYNOMIAL_TEXT];
    if (slm_reader_profile(reader, 0) == NULL)
        return;
    heading("Profiles");
    for (size_t i = 0; (p = slm_reader_profile(reader, i)) != NULL; i++) {
        printf("  %zu  ", i);
        text_print_padded(stdout, p->name, strlen(p->name), 10);
        printf("%s, %.3f bits a weight\n", profile_text(words, p), profile_bits(p));
        printf("     %*s%s\n", 10, "", polynomial_text(polynomial, p->K, p->taps));
    }
}

static size_t max_size(size_t a, size_t b) { return a > b ? a : b; }

static void print_tensors(const info_view *view) {
    const slm_reader *reader = view->input.reader;
    bool detailed = message_verbosity() > 0;
    const slm_tensor *t;
    char shape[SHAPE_TEXT];
    human h;
    size_t names = 4, shapes = 5;
    for (size_t i = 0; (t = slm_reader_tensor(reader, i)) != NULL; i++)
        if (info_shows(view, t)) {
            names = max_size(names, text_escaped_width(t->name, t->name_length));
            shapes = max_size(shapes, strlen(shape_text(shape, t->rank, t->shape)));
        }
    names = names > 60 ? 60 : names; /* longer ones push their line to the right */
    shapes = shapes > 24 ? 24 : shapes;
    heading("Tensors");
    printf("  %-*s  dtype  %-*s  %-10s  %3s  %-9s  %6s  %14s  %s%s\n", (int)names, "name", (int)shapes, "shape", "coding", "rot", "runs",
           "bits", "bytes", "error", detailed ? "    offset" : "");
    for (size_t i = 0; (t = slm_reader_tensor(reader, i)) != NULL; i++) {
        if (!info_shows(view, t))
            continue;
        fputs("  ", stdout);
        text_print_padded(stdout, t->name, t->name_length, names);
        printf("  %-5s  %-*s  ", slm_dtype_name(t->dtype), (int)shapes, shape_text(shape, t->rank, t->shape));
        if (t->coding == SLM_CODING_RAW)
            printf("%-10s  %3s  %-9s", "raw", "-", "-");
        else {
            const slm_profile *p = slm_reader_profile(reader, t->profile);
            char number[24], runs[48];
            snprintf(number, sizeof number, "#%u", t->profile);
            snprintf(runs, sizeof runs, "%" PRIu64 "%s", t->runs, t->scales == 1 && t->runs > 1 ? "/1" : "");
            text_print_padded(stdout, p->name[0] != '\0' ? p->name : number, p->name[0] != '\0' ? strlen(p->name) : strlen(number), 10);
            printf("  %3u  %-9s", t->rotation, runs);
        }
        const char *error = (t->flags & SLM_TENSOR_HAS_ERROR) != 0 ? human_error(&(human){0}, (double)t->error) : "-";
        printf("  %6.3f  %14s  %s", tensor_bits(t), human_count(&h, t->payload_size), error);
        if (detailed)
            printf("%*s%" PRIu64, 9 - (int)strlen(error), "", slm_reader_payload(reader, i)->offset);
        putchar('\n');
    }
}

static void print_sources(const slm_reader *reader) {
    const slm_source *s;
    human h1, h2;
    if (slm_reader_source(reader, 0) == NULL)
        return;
    heading("Sources");
    for (size_t i = 0; (s = slm_reader_source(reader, i)) != NULL; i++) {
        fputs("  ", stdout);
        if (s->name_length == 0)
            fputs("(unnamed)", stdout);
        text_print_escaped(stdout, s->name, s->name_length);
        printf(": %s tensors, header of %s bytes\n", human_count(&h1, s->tensors), human_count(&h2, s->header_size));
    }
}

static void print_side_files(const info_view *view) {
    human h;
    if (side_files_payload(view->input.reader) == SIZE_MAX)
        return;
    heading("Side files");
    for (size_t i = 0; i < view->side.count; i++) {
        fputs("  ", stdout);
        text_print_escaped(stdout, view->side.files[i].name, strlen(view->side.files[i].name));
        printf(": %s bytes\n", human_count(&h, view->side.files[i].size));
    }
}

static void print_metadata(const slm_reader *reader) {
    const slm_metadata *m;
    human h;
    if (slm_reader_metadata(reader, 0) == NULL)
        return;
    heading("Metadata");
    for (size_t i = 0; (m = slm_reader_metadata(reader, i)) != NULL; i++) {
        size_t shown = m->value_length;
        if (shown > VALUE_MAX && message_verbosity() < 1)
            for (shown = VALUE_MAX; shown > 0 && ((unsigned char)m->value[shown] & 0xC0) == 0x80;) /* not inside a character */
                shown--;
        fputs("  ", stdout);
        text_print_escaped(stdout, m->key, m->key_length);
        fputs(": ", stdout);
        text_print_escaped(stdout, m->value, shown);
        if (shown < m->value_length)
            printf(" ... (%s bytes)", human_count(&h, m->value_length));
        putchar('\n');
    }
}

static void print_sections(const slm_reader *reader) {
    const slm_section *s;
    heading("Sections");
    for (size_t i = 0; (s = slm_reader_section(reader, i)) != NULL; i++)
        printf("  %10" PRIu32 "  %-10s  %-15s  offset %" PRIu64 ", %" PRIu64 " bytes\n", s->type, section_name(s->type),
               s->flags & SLM_FLAG_MUST_UNDERSTAND ? "must understand" : "may ignore", s->offset, s->size);
    const slm_payload *p;
    size_t first = slm_reader_info(reader)->tensors;
    if (slm_reader_payload(reader, first) == NULL)
        return;
    heading("Other payloads");
    for (size_t i = first; (p = slm_reader_payload(reader, i)) != NULL; i++)
        printf("  kind %" PRIu32 " (%s)  offset %" PRIu64 ", %" PRIu64 " bytes\n", (uint32_t)p->kind, payload_kind_name(p->kind), p->offset,
               p->size);
}

void info_print_text(const info_view *view) {
    print_summary(view);
    print_profiles(view->input.reader);
    print_tensors(view);
    print_sources(view->input.reader);
    print_side_files(view);
    print_metadata(view->input.reader);
    if (message_verbosity() > 0)
        print_sections(view->input.reader);
}
