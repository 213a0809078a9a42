/* tools/explore_front.c: the Pareto front of what slm explore measured: which points are on it, as a table and as a plot. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "explore.h"
#include "output.h"

/* Times are noisy: equal within 10 %. Sizes within 0.02 bits are, too: the closing bits and the scale of a row. */
static bool faster(double a, double b) { return a * 1.1 < b; }
static bool smaller(double a, double b) { return a + 0.02 < b; }

static bool dominates(const explore_point *a, const explore_point *b) {
    if (a->rows != b->rows || a->columns != b->columns || strcmp(a->source, b->source) != 0)
        return false;
    if (smaller(b->bits, a->bits) || a->error > b->error || faster(b->encode, a->encode) || faster(b->decode, a->decode) ||
        a->cells > b->cells)
        return false;
    return smaller(a->bits, b->bits) || a->error < b->error || faster(a->encode, b->encode) || faster(a->decode, b->decode) ||
           a->cells < b->cells;
}

bool explore_on_front(const explore_point *points, size_t count, size_t index) {
    for (size_t i = 0; i < count; i++)
        if (dominates(&points[i], &points[index]))
            return false;
    return true;
}

void explore_table(const explore_point *points, size_t count, bool all) {
    printf("%-7s %-9s %-8s %9s %9s %7s  %-5s %2s %s\n", "bits", "error", "+-", "encode", "decode", "cells", "front", "h",
           "profile, source");
    printf("%-7s %-9s %-8s %9s %9s\n", "", "", "(95 %)", "ns/weight", "ns/weight");
    for (size_t i = 0; i < count; i++) {
        const explore_point *p = &points[i];
        const bool front = explore_on_front(points, count, i);
        if (front || all)
            printf("%-7.4f %-9.5f %-8.5f %9.0f %9.2f %7.0f  %-5s %2u %s, %s\n", p->bits, p->error, p->confidence, p->encode, p->decode,
                   p->cells, front ? "*" : "", p->rotation, p->profile, p->source);
    }
}

#define WIDTH 900
#define HEIGHT 560
#define MARGIN 70

typedef struct axis {
    double least, most; /* logarithms */
    double from, to;    /* on the page */
} axis;

static double place(const axis *a, double value) { return a->from + (log10(value) - a->least) / (a->most - a->least) * (a->to - a->from); }

static axis make_axis(const explore_point *points, size_t count, bool error, double from, double to) {
    axis a = {.least = 1e9, .most = -1e9, .from = from, .to = to};
    for (size_t i = 0; i < count; i++) {
        const double value = error ? points[i].error : points[i].encode;
        if (value > 0) {
            a.least = fmin(a.least, log10(value));
            a.most = fmax(a.most, log10(value));
        }
    }
    a.least = a.least > a.most ? 0 : a.least - 0.03;
    a.most = a.most < a.least ? 1 : a.most + 0.03;
    return a;
}

/* Lines at 1, 2 and 5 times powers of ten. */
static void ticks(FILE *out, const axis *a, bool error) {
    static const double steps[] = {1, 2, 5};
    for (int decade = -6; decade < 8; decade++)
        for (unsigned s = 0; s < 3; s++) {
            const double value = steps[s] * pow(10, decade);
            if (log10(value) < a->least || log10(value) > a->most)
                continue;
            const double at = place(a, value);
            if (error)
                fprintf(out, "<path d='M%d %.1fH%d'/><text x='%d' y='%.1f' text-anchor='end'>%g</text>\n", MARGIN, at, WIDTH - 20,
                        MARGIN - 6, at + 4, value);
            else
                fprintf(out, "<path d='M%.1f 20V%d'/><text x='%.1f' y='%d' text-anchor='middle'>%g</text>\n", at, HEIGHT - MARGIN, at,
                        HEIGHT - MARGIN + 18, value);
        }
}

static void text(FILE *out, const char *s) {
    for (; *s != '\0'; s++)
        switch (*s) {
        case '<': fputs("&lt;", out); break;
        case '&': fputs("&amp;", out); break;
        case '\'': fputs("&#39;", out); break;
        default: fputc(*s, out);
        }
}

static void plot(FILE *out, const explore_point *points, size_t count) {
    const axis x = make_axis(points, count, false, MARGIN, WIDTH - 20), y = make_axis(points, count, true, HEIGHT - MARGIN, 20);
    fprintf(out,
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' font-family='sans-serif' font-size='12'>\n<rect width='%d' "
            "height='%d' "
            "fill='white'/>\n<g stroke='#ddd' fill='#444' stroke-width='1'>\n<g stroke='none'><text x='%d' y='%d' "
            "text-anchor='middle'>encode, ns of "
            "one core a weight</text><text transform='translate(18 %d) rotate(-90)' text-anchor='middle'>relative error</text></g>\n",
            WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH / 2, HEIGHT - 25, HEIGHT / 2);
    ticks(out, &x, false);
    ticks(out, &y, true);
    fputs("</g>\n", out);
    for (size_t i = 0; i < count; i++) {
        const explore_point *p = &points[i];
        if (!(p->error > 0 && p->encode > 0))
            continue;
        const bool front = explore_on_front(points, count, i);
        const double left = place(&x, p->encode), top = place(&y, p->error);
        const char *colour = strncmp(p->profile, "slm", 3) == 0 || strncmp(p->profile, "trellis", 7) == 0 ? "#1660a8" : "#c04a10";
        fprintf(out, "<circle cx='%.1f' cy='%.1f' r='4' stroke='%s' fill='%s'><title>", left, top, colour, front ? colour : "white");
        text(out, p->profile);
        fprintf(out, " h=%u, ", p->rotation);
        text(out, p->source);
        fprintf(out, ": %.4f bits, error %.5f +- %.5f, decode %.2f ns, %.0f cells</title></circle>\n", p->bits, p->error, p->confidence,
                p->decode, p->cells);
        if (strncmp(p->profile, "slm", 3) == 0 || strncmp(p->profile, "paper", 5) == 0)
            fprintf(out, "<text x='%.1f' y='%.1f' fill='%s'>%s</text>\n", left + 6, top - 5, colour, p->profile);
    }
    fputs("</svg>\n", out);
}

bool explore_svg(const explore_point *points, size_t count, const char *path, fault *f) {
    char *svg = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&svg, &size);
    if (out == NULL)
        return fault_system(f, ENOMEM, "cannot plot");
    plot(out, points, count);
    const bool failed = ferror(out) != 0;
    output *o = NULL;
    bool ok = (fclose(out) == 0 && !failed) || fault_system(f, ENOMEM, "cannot plot");
    ok = ok && output_open(&o, path, OUTPUT_FILE, true, f) && output_write(o, svg, size, f) && output_commit(o, f);
    output_close(o);
    free(svg);
    return ok;
}
