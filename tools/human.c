/* tools/human.c: numbers as people read them. */
#include "human.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static void scaled(human *h, double value, double base, const char *const *units, unsigned count) {
    unsigned unit = 0;
    /* 999.5 would be printed with four digits: go on to the next unit */
    while (unit + 1 < count && value >= (unit == 0 ? base : 999.5)) {
        value /= base;
        unit++;
    }
    int decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    snprintf(h->text, sizeof h->text, "%.*f%s", decimals, value, units[unit]);
}

const char *human_bytes(human *h, uint64_t bytes) {
    static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
    scaled(h, (double)bytes, 1024, units, 7);
    return h->text;
}

const char *human_short(human *h, double count) {
    static const char *const units[] = {"", " k", " M", " G", " T", " P"};
    scaled(h, count, 1000, units, 6);
    return h->text;
}

const char *human_count(human *h, uint64_t count) {
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, count), to = 0;
    for (int i = 0; i < n; i++) {
        h->text[to++] = digits[i];
        if (i + 1 < n && (n - i - 1) % 3 == 0)
            h->text[to++] = ',';
    }
    h->text[to] = '\0';
    return h->text;
}

const char *human_duration(human *h, double seconds) {
    if (!(seconds >= 0) || seconds > 1e9)
        snprintf(h->text, sizeof h->text, "?");
    else if (seconds < 9.95)
        snprintf(h->text, sizeof h->text, "%.1f s", seconds);
    else {
        unsigned long s = (unsigned long)(seconds + 0.5);
        if (s < 60)
            snprintf(h->text, sizeof h->text, "%lu s", s);
        else if (s < 3600)
            snprintf(h->text, sizeof h->text, "%lu:%02lu", s / 60, s % 60);
        else
            snprintf(h->text, sizeof h->text, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
    }
    return h->text;
}

const char *human_error(human *h, double relative) {
    if (relative == 0)
        snprintf(h->text, sizeof h->text, "0");
    else if (isnan(relative))
        snprintf(h->text, sizeof h->text, "nan");
    else if (isinf(relative))
        snprintf(h->text, sizeof h->text, "inf");
    else if (relative >= 0.001 && relative < 1000)
        snprintf(h->text, sizeof h->text, "%.4f", relative);
    else
        snprintf(h->text, sizeof h->text, "%.2e", relative);
    return h->text;
}

const char *human_sum(human *h, uint64_t sum) {
    snprintf(h->text, sizeof h->text, "%016" PRIx64, sum);
    return h->text;
}
