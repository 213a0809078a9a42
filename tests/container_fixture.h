/* What the container's tests share: a file in memory as a sink, a file with every kind of tensor in it, and patching with new sums. */
#ifndef SLM_TESTS_CONTAINER_FIXTURE_H
#define SLM_TESTS_CONTAINER_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "container/bytes.h"
#include "container/hash.h"
#include "slm/reader.h"
#include "slm/writer.h"

#define OK(call) assert_int_equal((call), SLM_OK)

/* ---- A file in memory. Writes from several threads go to different bytes, so it needs no lock. ---- */

typedef struct memory_file {
    uint8_t *bytes;
    size_t size;
} memory_file;

static inline int memory_write_at(void *context, uint64_t offset, const void *buffer, size_t size) {
    memory_file *file = context;
    if (offset > file->size || size > file->size - offset)
        return ENOSPC;
    memcpy(file->bytes + offset, buffer, size);
    return 0;
}

static inline int memory_read_at(void *context, uint64_t offset, void *buffer, size_t size) {
    memory_file *file = context;
    if (offset > file->size || size > file->size - offset)
        return EIO;
    memcpy(buffer, file->bytes + offset, size);
    return 0;
}

static inline slm_sink memory_sink(memory_file *file) { return (slm_sink){file, memory_write_at, memory_read_at}; }

/* Filled with a pattern, so that bytes nobody writes are seen. */
static inline void memory_create(memory_file *file, uint64_t size) {
    file->size = (size_t)size;
    file->bytes = malloc(file->size + 1);
    assert_non_null(file->bytes);
    memset(file->bytes, 0xA5, file->size + 1);
}

/* ---- Random numbers (splitmix64) ---- */

static inline uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* ---- Contents: all from a seed, so that they can be made in any order and again ---- */

/* Byte `offset` of a payload, before it is made legal as codes. */
static inline void random_bytes(uint64_t seed, uint8_t *bytes, size_t size) {
    uint64_t state = seed * UINT64_C(0x2545F4914F6CDD1D) + 1;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(next_random(&state) >> 32);
}

/* What level 1 decodes is in the machine's byte order; what a reader gives is little-endian. */
static inline void to_little_endian(uint8_t *elements, size_t count, size_t size) {
    if (*(const unsigned char *)&(const uint16_t){1} == 1)
        return;
    for (uint8_t *at = elements; at < elements + count * size; at += size)
        for (size_t k = 0; k < size / 2; k++) {
            const uint8_t swap = at[k];
            at[k] = at[size - 1 - k];
            at[size - 1 - k] = swap;
        }
}

/* Makes random codes legal: no seed 0, padding bits zero. */
static inline void make_codes_legal(const slm_tensor *tensor, const slm_profile *profile, uint8_t *codes) {
    const slm_coding coding = {*profile, tensor->rotation, tensor->sign_seed, tensor->run_length};
    slm_decoder decoder;
    OK(slm_decoder_init(&decoder, &coding, NULL));
    for (uint64_t run = 0; run < tensor->runs; run++) {
        uint8_t *at = codes + run * tensor->run_bytes;
        uint64_t bit;
        while (slm_decoder_check_run(&decoder, at, &bit) != SLM_OK) {
            const uint64_t record = tensor->coding == SLM_CODING_BLOCK ? slm_profile_record_bits(profile) : 0;
            if (record != 0 && bit / record < slm_profile_blocks(profile, tensor->run_length))
                at[bit / 8] |= (uint8_t)(1U << (bit % 8));
            else
                at[bit / 8] &= (uint8_t)((1U << (bit % 8)) - 1);
        }
    }
}

/* The whole payload of tensor `index` of a layout: scales, padding, codes, or raw bytes. The caller frees. */
static inline uint8_t *make_payload(const slm_layout *layout, const slm_profile *profiles, size_t index, uint64_t seed) {
    const slm_tensor *t = slm_layout_tensor(layout, index);
    uint8_t *bytes = calloc((size_t)t->payload_size + 1, 1);
    assert_non_null(bytes);
    random_bytes(seed + index, bytes + t->codes_offset, (size_t)(t->payload_size - t->codes_offset));
    if (t->coding == SLM_CODING_RAW)
        return bytes;
    uint64_t state = seed ^ index;
    for (uint64_t i = 0; i < t->scales; i++)
        store_u16(bytes + 2 * i, (uint16_t)((120 + next_random(&state) % 8) << 7)); /* powers of two are legal everywhere */
    make_codes_legal(t, &profiles[t->profile], bytes + t->codes_offset);
    return bytes;
}

/* ---- Patching ---- */

/* Makes index_sum and header_sum right again. */
static inline void reseal(uint8_t *file) {
    store_u64(file + 40, slmi_hash(file + 64, (size_t)load_u64(file + 32)));
    store_u64(file + 56, slmi_hash(file, 56));
}

/* Where the body of a section begins in the file; 0 where there is none. */
static inline size_t section_body(const uint8_t *file, uint32_t type) {
    const size_t end = 64 + (size_t)load_u64(file + 32);
    for (size_t at = 64; at < end; at += 16 + (((size_t)load_u64(file + at + 8) + 7) & ~(size_t)7)) {
        if (load_u32(file + at) == type)
            return at + 16;
    }
    return 0;
}

/* Makes all checksums of the payloads right again, then the index's. */
static inline void reseal_payloads(uint8_t *file) {
    const size_t payloads = section_body(file, SLM_SECTION_PAYLOADS), sums = section_body(file, SLM_SECTION_CHECKSUMS);
    const size_t chunk = (size_t)1 << file[13];
    size_t next = sums;
    for (uint32_t i = 0; i < load_u32(file + payloads); i++) {
        const uint8_t *p = file + payloads + 8 + 32 * (size_t)i;
        const size_t offset = (size_t)load_u64(p), size = (size_t)load_u64(p + 8);
        for (size_t at = 0; at < size; at += chunk, next += 8)
            store_u64(file + next, slmi_hash(file + offset + at, size - at < chunk ? size - at : chunk));
    }
    reseal(file);
}

/* ---- The example: every kind of tensor, two sources, metadata, side files ---- */

#define EXAMPLE_TENSORS 16

typedef struct example {
    slm_layout *layout;
    slm_profile profiles[EXAMPLE_TENSORS];
    size_t profile_count;
    uint8_t *payloads[EXAMPLE_TENSORS + 1];
    uint64_t sizes[EXAMPLE_TENSORS + 1];
    size_t payload_count;
} example;

static inline uint16_t example_profile(example *e, const slm_profile *profile) {
    uint16_t index;
    OK(slm_layout_add_profile(e->layout, profile, &index));
    if (index == e->profile_count)
        e->profiles[e->profile_count++] = *profile;
    return index;
}

static inline void example_tensor(example *e, const char *name, slm_dtype dtype, unsigned rank, const uint64_t *shape,
                                  const slm_profile *profile, uint64_t run_length, uint16_t flags, uint8_t rotation) {
    slm_tensor t = {.name = name, .name_length = strlen(name), .dtype = dtype, .rank = rank, .shape = shape};
    slm_error error;
    size_t index;
    if (profile != NULL) {
        t.coding = (slm_coding_id)profile->coding;
        t.profile = example_profile(e, profile);
        t.run_length = run_length;
        t.flags = flags;
        t.rotation = rotation;
        t.sign_seed = rotation != 0 ? 0x5EED : 0;
    }
    OK(slm_layout_add_tensor(e->layout, &t, &index, &error));
}

/* Describes the example. `big` adds runs that are decoded in pieces. */
static inline void example_create(example *e, const slm_allocator *allocator, unsigned chunk_log2, bool big) {
    const slm_layout_options options = {sizeof options, allocator, 0, chunk_log2};
    static const char header[] = "{\"a\":1}   ";
    slm_error error;
    size_t side;
    memset(e, 0, sizeof *e);
    OK(slm_layout_create(&e->layout, &options));
    const slm_profile *paper = slm_profile_by_name("paper-4"), *paper3 = slm_profile_by_name("paper-3"),
                      *slm4 = slm_profile_by_name("slm-4"), *slm3 = slm_profile_by_name("slm-3");
    slm_profile odd = *slm3; /* blocks of two weights, 2.5 bits each */
    odd.C = 2;
    odd.k = 5;
    memset(odd.name, 0, sizeof odd.name);
    example_tensor(e, "scalar", SLM_F64, 0, NULL, NULL, 0, 0, 0);
    example_tensor(e, "empty", SLM_F32, 2, (const uint64_t[]){0, 7}, NULL, 0, 0, 0);
    example_tensor(e, "raw.bool", SLM_BOOL, 1, (const uint64_t[]){5}, NULL, 0, 0, 0);
    example_tensor(e, "raw.f4", SLM_F4, 2, (const uint64_t[]){3, 2}, NULL, 0, 0, 0);
    example_tensor(e, "paper4", SLM_F32, 2, (const uint64_t[]){6, 50}, paper, 300, 0, 0);
    example_tensor(e, "paper3 rows", SLM_F16, 2, (const uint64_t[]){5, 31}, paper3, 31, SLM_TENSOR_SCALE_PER_RUN, 0);
    OK(slm_layout_add_source(e->layout, "one.safetensors", 15, header, sizeof header - 1, &error));
    example_tensor(e, "slm4 rotated rows", SLM_BF16, 2, (const uint64_t[]){7, 64}, slm4, 64, SLM_TENSOR_SCALE_PER_RUN, 5);
    example_tensor(e, "slm3 whole \xE2\x82\xAC", SLM_F32, 3, (const uint64_t[]){3, 5, 11}, slm3, 165, 0, 0);
    example_tensor(e, "odd", SLM_F32, 1, (const uint64_t[]){33}, &odd, 11, SLM_TENSOR_SCALE_PER_RUN, 0);
    if (big) {
        example_tensor(e, "big block", SLM_F16, 2, (const uint64_t[]){2, 400000}, paper3, 400000, SLM_TENSOR_SCALE_PER_RUN, 0);
        example_tensor(e, "big trellis", SLM_F32, 1, (const uint64_t[]){768 * 1024}, slm4, 768 * 1024, 0, 8);
        example_tensor(e, "big odd", SLM_F32, 1, (const uint64_t[]){1000001}, &odd, 1000001, 0, 0);
        example_tensor(e, "big rotated block", SLM_F32, 1, (const uint64_t[]){1024 * 800}, paper3, 1024 * 800, 0, 10);
        example_tensor(e, "big raw", SLM_U16, 1, (const uint64_t[]){300000}, NULL, 0, 0, 0);
    }
    OK(slm_layout_add_source(e->layout, "", 0, header, 0, &error));
    OK(slm_layout_add_metadata(e->layout, "slm.encoder", 11, "test", 4, &error));
    OK(slm_layout_add_metadata(e->layout, "k", 1, "", 0, &error));
    OK(slm_layout_add_side_files(e->layout, 777, &side, &error));
    e->payload_count = slm_layout_tensors(e->layout) + 1;
    assert_int_equal(side, e->payload_count - 1);
    for (size_t i = 0; i < side; i++) {
        e->sizes[i] = slm_layout_tensor(e->layout, i)->payload_size;
        e->payloads[i] = make_payload(e->layout, e->profiles, i, 42);
    }
    e->sizes[side] = 777;
    e->payloads[side] = malloc(777);
    random_bytes(7, e->payloads[side], 777);
}

static inline void example_free(example *e) {
    for (size_t i = 0; i < e->payload_count; i++)
        free(e->payloads[i]);
    slm_layout_free(e->layout);
}

/* Writes it, each payload in one call, to memory. The caller frees file->bytes. */
static inline void example_write(example *e, memory_file *file) {
    slm_writer *writer;
    slm_error error;
    memory_create(file, slm_layout_file_size(e->layout));
    const slm_sink sink = memory_sink(file);
    OK(slm_writer_create(&writer, e->layout, &sink, &error));
    for (size_t i = 0; i < e->payload_count; i++)
        OK(slm_writer_write(writer, i, 0, e->sizes[i], e->payloads[i], &error));
    OK(slm_writer_set_result(writer, 4, 0x1122334455667788, 0.125F));
    OK(slm_writer_finish(writer, &error));
    slm_writer_free(writer);
}

#endif
