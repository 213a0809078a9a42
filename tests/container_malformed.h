/* A sound file to be spoiled, and what a reader says of the result. */
#ifndef SLM_TESTS_CONTAINER_MALFORMED_H
#define SLM_TESTS_CONTAINER_MALFORMED_H

#include "container_fixture.h"

static uint8_t *sound;
static size_t sound_size;

static inline int set_up(void **state) {
    (void)state;
    example e;
    memory_file file;
    example_create(&e, NULL, 12, false);
    example_write(&e, &file);
    sound = file.bytes;
    sound_size = file.size;
    example_free(&e);
    return 0;
}

static inline int tear_down(void **state) {
    (void)state;
    free(sound);
    return 0;
}

/* Opens and verifies; the first failure with its rule. */
static inline slm_status judge(const uint8_t *bytes, size_t size, slm_error *error) {
    slm_reader *reader;
    memset(error, 0, sizeof *error);
    error->rule = "";
    slm_status status = slm_reader_open_memory(&reader, bytes, size, NULL, error);
    if (status != SLM_OK)
        return status;
    const size_t count = slm_reader_info(reader)->payloads;
    for (size_t i = 0; i < count && status == SLM_OK; i++)
        status = slm_reader_verify(reader, i, error);
    slm_reader_close(reader);
    return status;
}

static inline void expect(const char *what, const uint8_t *bytes, size_t size, slm_status status, const char *rule) {
    slm_error error;
    const slm_status got = judge(bytes, size, &error);
    if (got != status || strcmp(error.rule, rule) != 0)
        fail_msg("%s: %s [%s] \"%s\", expected %s [%s]", what, slm_status_name(got), error.rule, error.message, slm_status_name(status),
                 rule);
    if (status != SLM_OK) {
        assert_int_equal(error.status, status);
        assert_true(error.message[0] != 0);
    }
}

#endif
