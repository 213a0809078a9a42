/* tools/human.h: numbers as people read them. Each writes into the caller's buffer and returns it. */
#ifndef SLM_TOOLS_HUMAN_H
#define SLM_TOOLS_HUMAN_H

#include <stdint.h>

#define HUMAN_SIZE 32
typedef struct human {
    char text[HUMAN_SIZE];
} human;

const char *human_bytes(human *h, uint64_t bytes);    /* "512 B", "1.66 MiB" */
const char *human_count(human *h, uint64_t count);    /* "871,808" */
const char *human_short(human *h, double count);      /* "28.3 M", "1.50 k" */
const char *human_duration(human *h, double seconds); /* "0.4 s", "12 s", "3:05", "1:02:03" */
const char *human_error(human *h, double relative);   /* "0.0675", "1.2e-05", "0" */
const char *human_sum(human *h, uint64_t sum);        /* 16 hexadecimal digits */

#endif
