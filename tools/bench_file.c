/* tools/bench_file.c: slm bench decode: reading a whole .slm to F16 beside its kernel alone, what checksums cost, and two threads beside
 * one. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "cleanup.h"
#include "exit_code.h"
#include "message.h"
#include "slm/slm.h"

#define RUN 4096
#define ROWS 8192 /* 64 MiB of F16 */
#define ROUNDS_MAX 11

/* A file in memory, and on disk. */
typedef struct file_image {
    unsigned char *bytes;
    size_t size;
    const unsigned char *codes;
    uint16_t *scales;
    uint64_t rows;
    char path[256];
    cleanup_entry *cleanup; /* of what is on disk */
    uint16_t *target;
} file_image;

static int write_at(void *context, uint64_t offset, const void *buffer, size_t size) {
    file_image *image = context;
    if (offset > image->size || size > image->size - offset)
        return EIO;
    memcpy(image->bytes + offset, buffer, size);
    return 0;
}

static int read_at(void *context, uint64_t offset, void *buffer, size_t size) {
    file_image *image = context;
    if (offset > image->size || size > image->size - offset)
        return EIO;
    memcpy(buffer, image->bytes + offset, size);
    return 0;
}

/* One tensor of random codes with a scale a row. */
static bool make_image(file_image *image, const slm_coding *coding) {
    slm_layout *layout = NULL;
    slm_writer *writer = NULL;
    const uint64_t shape[2] = {image->rows, RUN};
    slm_tensor tensor = {.name = "w",
                         .name_length = 1,
                         .dtype = SLM_F16,
                         .rank = 2,
                         .shape = shape,
                         .coding = (slm_coding_id)coding->profile.coding,
                         .flags = SLM_TENSOR_SCALE_PER_RUN,
                         .rotation = coding->rotation,
                         .sign_seed = coding->sign_seed,
                         .run_length = RUN};
    size_t index = 0;
    bool ok = slm_layout_create(&layout, NULL) == SLM_OK && slm_layout_add_profile(layout, &coding->profile, &tensor.profile) == SLM_OK &&
              slm_layout_add_tensor(layout, &tensor, &index, NULL) == SLM_OK;
    image->size = ok ? (size_t)slm_layout_file_size(layout) : 0;
    image->bytes = calloc(image->size + 1, 1);
    const size_t bytes = (size_t)(slm_profile_run_bytes(&coding->profile, RUN) * image->rows);
    unsigned char *codes = malloc(bytes);
    ok = ok && image->bytes != NULL && codes != NULL;
    const slm_sink sink = {image, write_at, read_at};
    if (ok) {
        bench_codes(coding, image->rows, codes);
        for (uint64_t r = 0; r < image->rows; r++)
            image->scales[r] = (uint16_t)(0x3c00 + 0x80 * (r % 4)); /* powers of two are legal everywhere */
        ok = slm_writer_create(&writer, layout, &sink, NULL) == SLM_OK &&
             slm_writer_write_scales(writer, index, 0, (size_t)image->rows, image->scales, NULL) == SLM_OK &&
             slm_writer_write_codes(writer, index, 0, bytes, codes, NULL) == SLM_OK && slm_writer_finish(writer, NULL) == SLM_OK;
    }
    if (ok) { /* the codes end the payload, and nothing but zeros follows */
        slm_reader *reader = NULL;
        ok = slm_reader_open_memory(&reader, image->bytes, image->size, NULL, NULL) == SLM_OK;
        if (ok)
            image->codes = image->bytes + slm_reader_payload(reader, 0)->offset + slm_reader_tensor(reader, 0)->codes_offset;
        slm_reader_close(reader);
    }
    slm_writer_free(writer);
    slm_layout_free(layout);
    free(codes);
    return ok;
}

static void remove_file(file_image *image) {
    cleanup_lock();
    unlink(image->path);
    cleanup_forget(image->cleanup);
    cleanup_unlock();
}

static bool make_file(file_image *image) {
    const char *folder = getenv("TMPDIR");
    const int length = snprintf(image->path, sizeof image->path, "%s/slm-bench-XXXXXX", folder != NULL && *folder != 0 ? folder : "/tmp");
    if (length < 0 || (size_t)length >= sizeof image->path)
        return false;
    cleanup_lock();
    const int descriptor = mkstemp(image->path);
    if (descriptor >= 0)
        image->cleanup = cleanup_add(image->path);
    cleanup_unlock();
    if (descriptor < 0)
        return false;
    size_t done = 0;
    while (done < image->size) {
        const ssize_t n = write(descriptor, image->bytes + done, image->size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    if (close(descriptor) == 0 && done == image->size)
        return true;
    remove_file(image);
    return false;
}

/* Seconds of CPU time to open and decode everything; negative where that fails. */
static double read_whole(const file_image *image, const char *kernel, bool on_disk, bool skip_checksums) {
    const slm_reader_options options = {.struct_size = sizeof options, .skip_checksums = skip_checksums, .kernel = kernel};
    slm_reader *reader = NULL;
    const double start = bench_cpu_seconds();
    slm_status status = on_disk ? slm_reader_open_file(&reader, image->path, &options, NULL)
                                : slm_reader_open_memory(&reader, image->bytes, image->size, &options, NULL);
    if (status == SLM_OK)
        status = slm_reader_decode(reader, 0, 0, image->rows * RUN, SLM_F16, image->target, NULL);
    slm_reader_close(reader);
    return status == SLM_OK ? bench_cpu_seconds() - start : -1;
}

/* A share of the rows, decoded `times` times: a new thread needs a while to get a processor of its own. */
typedef struct part {
    const file_image *image;
    const slm_decoder *decoder;
    uint64_t bytes, first, rows;
    unsigned times;
    slm_status status;
} part;

static void *decode_part(void *argument) {
    part *p = argument;
    for (unsigned i = 0; i < p->times && p->status == SLM_OK; i++)
        p->status = slm_decode_runs(p->decoder, p->image->codes + p->first * p->bytes, p->image->scales + p->first, 1, p->rows, SLM_F16,
                                    p->image->target + p->first * RUN);
    return NULL;
}

/* Seconds of the clock by one thread or two; negative where that fails. */
static double by_threads(const file_image *image, const slm_decoder *decoder, uint64_t bytes, unsigned times, unsigned threads) {
    part parts[2] = {{image, decoder, bytes, 0, image->rows / threads, times, SLM_OK},
                     {image, decoder, bytes, image->rows / threads, image->rows - image->rows / threads, times, SLM_OK}};
    pthread_t other;
    const double start = bench_wall_seconds();
    const bool two = threads == 2 && pthread_create(&other, NULL, decode_part, &parts[1]) == 0;
    decode_part(&parts[0]);
    if (two)
        pthread_join(other, NULL);
    const double seconds = bench_wall_seconds() - start;
    return parts[0].status == SLM_OK && parts[1].status == SLM_OK && two == (threads == 2) ? seconds : -1;
}

/* By turns: the kernel, the reader without checksums and with them, the file on disk, one thread and two; medians of ratios. */
static bool measure(const file_image *image, const slm_coding *coding, const char *kernel, const bench_options *options, json_t *list) {
    slm_decoder decoder;
    if (slm_decoder_init(&decoder, coding, kernel) != SLM_OK || strcmp(slm_decoder_kernel(&decoder), kernel) != 0)
        return true; /* not this kernel's, or not on this machine */
    const uint64_t bytes = slm_profile_run_bytes(&coding->profile, RUN);
    part all = {image, &decoder, bytes, 0, image->rows, 1, SLM_OK};
    const unsigned rounds = options->quick ? 1 : ROUNDS_MAX, times = options->quick ? 1 : 8;
    double rate[ROUNDS_MAX], unchecked[ROUNDS_MAX], checked[ROUNDS_MAX], disk[ROUNDS_MAX], cost[ROUNDS_MAX], two[ROUNDS_MAX];
    for (unsigned i = 0; i < rounds + 1; i++) { /* the first is not counted */
        const unsigned n = i == 0 ? 0 : i - 1;
        const double start = bench_cpu_seconds();
        decode_part(&all);
        const double alone = bench_cpu_seconds() - start;
        const double plain = read_whole(image, kernel, false, true), summed = read_whole(image, kernel, false, false);
        const double mapped = read_whole(image, kernel, true, false);
        const double one = by_threads(image, &decoder, bytes, times, 1), both = by_threads(image, &decoder, bytes, times, 2);
        if (all.status != SLM_OK || plain < 0 || summed < 0 || mapped < 0 || one < 0 || both < 0)
            return false;
        rate[n] = (double)(image->rows * RUN) / alone;
        unchecked[n] = alone / plain;
        checked[n] = alone / summed;
        disk[n] = alone / mapped;
        cost[n] = summed / plain - 1;
        two[n] = one / both;
    }
    const double speed = bench_median(rate, rounds), without = bench_median(unchecked, rounds), with = bench_median(checked, rounds);
    const double file = bench_median(disk, rounds), sums = bench_median(cost, rounds), threads = bench_median(two, rounds);
    if (list == NULL) {
        printf("%-8s %2u  %-14s %9.0f %9.2f %9.2f %8.1f%% %9.2f %9.2f\n", coding->profile.name, coding->rotation, kernel, speed / 1e6,
               without, with, 100 * sums, file, threads);
        fflush(stdout);
        return true;
    }
    json_t *o = json_object();
    report_set(o, "profile", json_string(coding->profile.name));
    report_set(o, "rotation", json_integer(coding->rotation));
    report_set(o, "kernel", json_string(kernel));
    report_set(o, "weights_per_second", report_real(speed));
    report_set(o, "reader_times_kernel", report_real(without));
    report_set(o, "checked_times_kernel", report_real(with));
    report_set(o, "checksum_cost", report_real(sums));
    report_set(o, "file_times_kernel", report_real(file));
    report_set(o, "two_threads", report_real(threads));
    report_append(list, o);
    return true;
}

static bool measure_coding(const slm_coding *coding, const bench_options *options, json_t *list) {
    file_image image = {.rows = options->quick ? 16 : ROWS};
    image.scales = malloc((size_t)image.rows * sizeof *image.scales);
    image.target = malloc((size_t)image.rows * RUN * sizeof *image.target);
    bool ok = image.scales != NULL && image.target != NULL;
    if (ok)
        memset(image.target, 1, (size_t)image.rows * RUN * sizeof *image.target); /* pages that are there */
    ok = ok && make_image(&image, coding) && make_file(&image);
    const bool made = ok;
    for (size_t k = 0; ok && slm_kernel_name(k) != NULL; k++)
        if (options->quick || strcmp(slm_kernel_name(k), "scalar") != 0)
            ok = measure(&image, coding, slm_kernel_name(k), options, list);
    if (made)
        remove_file(&image);
    free(image.bytes);
    free(image.scales);
    free(image.target);
    return ok;
}

int bench_files(const bench_options *options) {
    json_t *list = options->report != NULL ? json_array() : NULL;
    if (list == NULL)
        printf(
            "\nfiles to F16, times the kernel alone; what checksums add; two threads, times one\n%-8s %2s  %-14s %9s %9s %9s %9s %9s %9s\n",
            "profile", "h", "kernel", "Mw/s", "no sums", "sums", "cost", "mapped", "threads");
    bool ok = true;
    const slm_profile *p;
    for (size_t i = 0; ok && (p = slm_profile_by_index(i)) != NULL; i++)
        for (unsigned h = 0; ok && bench_wants(options, p) && h <= (p->coding == SLM_CODING_TRELLIS ? 7u : 0u); h += 7) {
            const slm_coding coding = {.profile = *p, .rotation = (uint8_t)h, .sign_seed = h != 0 ? 0x5eed : 0, .run_length = RUN};
            ok = measure_coding(&coding, options, list);
        }
    if (list != NULL)
        report_set(options->report, "files", list);
    if (ok)
        return EXIT_CODE_OK;
    message_error("bench: reading a file failed");
    return EXIT_CODE_FAILURE;
}
