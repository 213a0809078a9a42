/* tools/profile_text.c: parsing and printing profiles. */
#include "profile_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "slm/lfsr.h"

typedef struct parameter {
    const char *name;
    size_t offset;
    bool block, trellis; /* where it is meant for */
} parameter;

static const parameter parameters[] = {
    {"C", offsetof(slm_profile, C), true, true},       {"P", offsetof(slm_profile, P), true, true},
    {"K", offsetof(slm_profile, K), true, true},       {"W", offsetof(slm_profile, W), true, true},
    {"step", offsetof(slm_profile, step), true, true}, {"E", offsetof(slm_profile, E), true, false},
    {"B", offsetof(slm_profile, B), true, false},      {"norm", offsetof(slm_profile, norm), true, false},
    {"k", offsetof(slm_profile, k), false, true},
};
#define PARAMETERS (sizeof parameters / sizeof parameters[0])

static uint8_t *field(slm_profile *profile, size_t index) { return (uint8_t *)profile + parameters[index].offset; }

/* A whole unsigned number up to `most`; hexadecimal with 0x. */
static bool number(const char *text, unsigned long most, unsigned long *value) {
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *value = strtoul(text, &end, text[1] == 'x' || text[1] == 'X' ? 16 : 10);
    return errno == 0 && *end == '\0' && *value <= most;
}

/* One NAME=VALUE. */
static bool assign(slm_profile *profile, char *part, unsigned *given, fault *f) {
    char *equals = strchr(part, '=');
    if (equals == NULL)
        return fault_set(f, FAULT_USAGE, "\"%s\" is no NAME=VALUE", part);
    *equals = '\0';
    bool block = profile->coding == SLM_CODING_BLOCK;
    unsigned long value;
    if (strcmp(part, "taps") == 0) {
        if (!number(equals + 1, UINT32_MAX, &value))
            return fault_set(f, FAULT_USAGE, "taps=%s is no 32-bit number", equals + 1);
        profile->taps = (uint32_t)value;
        return true;
    }
    for (size_t i = 0; i < PARAMETERS; i++) {
        if (strcmp(part, parameters[i].name) != 0)
            continue;
        if (!(block ? parameters[i].block : parameters[i].trellis))
            return fault_set(f, FAULT_USAGE, "%s is no parameter of %s coding", part, block ? "block" : "trellis");
        if ((*given & 1u << i) != 0)
            return fault_set(f, FAULT_USAGE, "%s is given twice", part);
        if (!number(equals + 1, 255, &value))
            return fault_set(f, FAULT_USAGE, "%s=%s is no number from 0 to 255", part, equals + 1);
        *given |= 1u << i;
        *field(profile, i) = (uint8_t)value;
        return true;
    }
    return fault_set(f, FAULT_USAGE, "unknown parameter %s", part);
}

/* The taps where none are given. */
static uint32_t usual_taps(const slm_profile *profile) {
    return profile->coding == SLM_CODING_TRELLIS && profile->K == 16 ? slm_profile_by_name("slm-4")->taps : slm_lfsr_table6(profile->K);
}

/* Parameters that are those of a named profile make that profile. */
static void adopt_name(slm_profile *profile) {
    uint8_t own[SLM_PROFILE_BYTES], other[SLM_PROFILE_BYTES];
    slm_profile_store(profile, own);
    const slm_profile *named;
    for (size_t i = 0; (named = slm_profile_by_index(i)) != NULL; i++) {
        slm_profile nameless = *named;
        memset(nameless.name, 0, sizeof nameless.name);
        slm_profile_store(&nameless, other);
        if (memcmp(own, other, sizeof own) == 0)
            *profile = *named;
    }
}

static bool parse_parameters(char *text, slm_profile *profile, fault *f) {
    unsigned given = 0;
    char *rest = text + strcspn(text, ",");
    if (*rest == ',')
        *rest++ = '\0';
    if (strcmp(text, "block") == 0)
        *profile = (slm_profile){.coding = SLM_CODING_BLOCK, .C = 8, .P = 3, .K = 16, .step = 1, .E = 4, .B = 4, .norm = 1};
    else
        *profile = (slm_profile){.coding = SLM_CODING_TRELLIS, .C = 1, .P = 4, .K = 16, .W = 4, .step = 29, .k = 4};
    while (*rest != '\0') {
        char *part = rest;
        rest += strcspn(rest, ",");
        if (*rest == ',')
            *rest++ = '\0';
        if (!assign(profile, part, &given, f))
            return false;
    }
    if (profile->W == 0 && (given & 1u << 3) == 0)
        profile->W = profile->K;
    if (profile->taps == 0)
        profile->taps = usual_taps(profile);
    const char *reason = NULL;
    if (slm_profile_check(profile, &reason) != SLM_OK)
        return fault_set(f, FAULT_USAGE, "%s", reason != NULL ? reason : "no legal profile");
    adopt_name(profile);
    return true;
}

bool profile_from_text(const char *text, slm_profile *profile, fault *f) {
    const slm_profile *named = slm_profile_by_name(text);
    if (named != NULL) {
        *profile = *named;
        return true;
    }
    size_t head = strcspn(text, ",");
    if (!(head == 5 && memcmp(text, "block", 5) == 0) && !(head == 7 && memcmp(text, "trellis", 7) == 0)) {
        fault_set(f, FAULT_USAGE, "\"%s\" is neither block,... nor trellis,... nor a profile's name; those are", text);
        for (size_t i = 0; (named = slm_profile_by_index(i)) != NULL; i++) {
            size_t length = strlen(f->text);
            snprintf(f->text + length, sizeof f->text - length, "%s %s", i > 0 ? "," : "", named->name);
        }
        return false;
    }
    char *copy = strdup(text);
    if (copy == NULL)
        return fault_system(f, ENOMEM, "cannot read the profile");
    bool ok = parse_parameters(copy, profile, f);
    free(copy);
    if (!ok)
        fault_prefix(f, text);
    return ok;
}

bool profile_same(const slm_profile *a, const slm_profile *b) {
    uint8_t x[SLM_PROFILE_BYTES], y[SLM_PROFILE_BYTES];
    slm_profile_store(a, x);
    slm_profile_store(b, y);
    return memcmp(x, y, sizeof x) == 0;
}

const char *profile_to_text(const slm_profile *profile, char text[PROFILE_TEXT_SIZE]) {
    if (profile->name[0] != '\0') {
        snprintf(text, PROFILE_TEXT_SIZE, "%s", profile->name);
        return text;
    }
    slm_profile copy = *profile;
    bool block = profile->coding == SLM_CODING_BLOCK;
    snprintf(text, PROFILE_TEXT_SIZE, "%s", block ? "block" : "trellis");
    for (size_t i = 0; i < PARAMETERS; i++) {
        size_t length = strlen(text);
        if (block ? parameters[i].block : parameters[i].trellis)
            snprintf(text + length, PROFILE_TEXT_SIZE - length, ",%s=%u", parameters[i].name, *field(&copy, i));
    }
    if (profile->taps != usual_taps(profile)) {
        size_t length = strlen(text);
        snprintf(text + length, PROFILE_TEXT_SIZE - length, ",taps=0x%" PRIX32, profile->taps);
    }
    return text;
}
