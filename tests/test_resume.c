/* Going on after an interruption: from every state of the encoder, with bytes that a sink holds already, with a temporary file found again.
 */
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "container_fixture.h"
#include "slm/encode.h"

/* ---- The encoder ---- */

#define ELEMENTS 20480 /* several pieces of each coding below */
#define MANY 65536     /* several turns of many runs at once */
#define STATES_MAX 256

typedef struct tensor_io {
    const float *weights;
    uint64_t elements; /* 0: ELEMENTS */
    uint16_t scales[ELEMENTS];
    uint8_t codes[2 * MANY];
    slm_encode_state states[STATES_MAX];
    size_t state_count;
    size_t stop_after; /* states, then SLM_E_CANCELLED */
} tensor_io;

static slm_status read_weights(void *context, uint64_t first, size_t count, float *weights) {
    memcpy(weights, ((const tensor_io *)context)->weights + first, count * sizeof *weights);
    return SLM_OK;
}

static slm_status write_scales(void *context, uint64_t first, size_t count, const uint16_t *scales) {
    memcpy(((tensor_io *)context)->scales + first, scales, count * sizeof *scales);
    return SLM_OK;
}

static slm_status write_codes(void *context, uint64_t offset, size_t size, const uint8_t *codes) {
    memcpy(((tensor_io *)context)->codes + offset, codes, size);
    return SLM_OK;
}

static slm_status save(void *context, const slm_encode_state *state) {
    tensor_io *io = context;
    assert_true(io->state_count < STATES_MAX);
    if (io->state_count > 0) {
        const slm_encode_state *last = &io->states[io->state_count - 1];
        const bool trying = state->trial > 0 && state->elements == last->elements;
        assert_true(state->elements > last->elements || (trying && (state->trial > last->trial || state->pieces > last->pieces)));
    }
    io->states[io->state_count++] = *state;
    return io->state_count >= io->stop_after ? SLM_E_CANCELLED : SLM_OK;
}

static slm_status run_trying(const slm_coding *coding, bool per_run, unsigned candidates, unsigned threads, const char *kernel,
                             tensor_io *io, const slm_encode_state *from, slm_encode_report *report) {
    const slm_encoder_options options = {
        .struct_size = sizeof options, .scale_per_run = per_run, .threads = threads, .kernel = kernel, .scale_candidates = candidates};
    const slm_encode_io calls = {
        .context = io, .read = read_weights, .write_scales = write_scales, .write_codes = write_codes, .save = save, .resume = from};
    slm_encoder *encoder;
    slm_error error;
    OK(slm_encoder_create(&encoder, coding, &options, &error));
    const slm_status status = slm_encode_tensor(encoder, io->elements != 0 ? io->elements : ELEMENTS, &calls, report, &error);
    slm_encoder_free(encoder);
    return status;
}

static slm_status run(const slm_coding *coding, bool per_run, unsigned threads, const char *kernel, tensor_io *io,
                      const slm_encode_state *from, slm_encode_report *report) {
    return run_trying(coding, per_run, 1, threads, kernel, io, from, report);
}

static slm_profile block_profile(uint8_t C) {
    slm_profile p = {.coding = SLM_CODING_BLOCK, .K = 6, .step = 1, .W = 4, .P = 2, .C = C, .E = 1, .B = 3};
    p.taps = slm_lfsr_table6(p.K);
    return p;
}

static slm_profile trellis_profile(void) {
    slm_profile p = {.coding = SLM_CODING_TRELLIS, .K = 6, .step = 5, .W = 4, .P = 4, .C = 1, .k = 2};
    p.taps = slm_lfsr_table6(p.K);
    return p;
}

static void same_report(const slm_encode_report *a, const slm_encode_report *b) {
    assert_true(a->squared_norm == b->squared_norm && a->squared_error == b->squared_error && a->maximum_error == b->maximum_error);
    assert_true(a->blocks == b->blocks && a->examined == b->examined);
}

/* What lies before the state is all that is taken over; what an interrupted run wrote beyond it is anything. */
static void take_over(tensor_io *to, const tensor_io *whole, const slm_encode_state *state) {
    memset(to->scales, 0xA5, sizeof to->scales);
    memset(to->codes, 0xA5, sizeof to->codes);
    memcpy(to->scales, whole->scales, (size_t)state->scales * sizeof *to->scales);
    memcpy(to->codes, whole->codes, (size_t)state->code_bytes);
    to->state_count = 0;
    to->stop_after = SIZE_MAX;
}

static void test_every_state(void **context) {
    (void)context;
    const struct {
        slm_coding coding;
        bool per_run;
        unsigned candidates; /* 0: the rule's scale alone */
    } cases[] = {
        {{block_profile(8), 0, 0, ELEMENTS}, false, 0},
        {{block_profile(8), 0, 0, ELEMENTS / 2}, true, 0}, /* runs of several pieces */
        {{block_profile(7), 0, 0, ELEMENTS / 2}, true, 0},
        {{block_profile(7), 0, 0, 20}, true, 0}, /* short last blocks */
        {{block_profile(8), 6, 0x5EED, ELEMENTS}, false, 0},
        {{block_profile(8), 0, 0, 64}, false, 0},
        {{trellis_profile(), 5, 0x5EED, 64}, true, 0},
        {{trellis_profile(), 0, 0, 80}, false, 0},
        {{trellis_profile(), 0, 0, ELEMENTS / 2}, true, 0},
        {{block_profile(8), 0, 0, ELEMENTS}, false, 4},
        {{block_profile(8), 0, 0, ELEMENTS / 2}, true, 3}, /* trials, codes, trials, codes */
        {{trellis_profile(), 0, 0, 80}, false, 5},
        {{trellis_profile(), 5, 0x5EED, 64}, true, 3}, /* tried within a piece: no state between them */
    };
    static float weights[ELEMENTS];
    static tensor_io whole, part;
    uint64_t random = 3;
    for (size_t i = 0; i < ELEMENTS; i++)
        weights[i] = (float)(int32_t)(uint32_t)next_random(&random) * 0x1p-33F;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        const slm_coding *coding = &cases[c].coding;
        const bool per_run = cases[c].per_run;
        const unsigned candidates = cases[c].candidates;
        const size_t code_bytes = (size_t)(ELEMENTS / coding->run_length * slm_profile_run_bytes(&coding->profile, coding->run_length));
        const size_t scales = per_run ? (size_t)(ELEMENTS / coding->run_length) : 1;
        slm_encode_report report, again;
        memset(&whole, 0, sizeof whole);
        whole.weights = part.weights = weights;
        whole.stop_after = SIZE_MAX;
        OK(run_trying(coding, per_run, candidates, 1, NULL, &whole, NULL, &report));
        const bool parts = per_run && coding->profile.coding == SLM_CODING_BLOCK && coding->run_length == ELEMENTS / 2;
        assert_true(whole.state_count >= (parts ? 4 : 2));
        size_t trials = 0;
        for (size_t s = 0; s < whole.state_count; s++)
            trials += whole.states[s].trial > 0;
        assert_true((trials > 0) == (candidates > 1 && (!per_run || parts)));
        const slm_encode_state *last = &whole.states[whole.state_count - 1];
        assert_true(last->elements == ELEMENTS && last->scales == scales && last->code_bytes == code_bytes);
        same_report(&last->report, &report);
        for (size_t s = 0; s < whole.state_count; s++) {
            take_over(&part, &whole, &whole.states[s]);
            OK(run_trying(coding, per_run, candidates, 1 + (unsigned)s % 3, s % 2 ? "scalar" : NULL, &part, &whole.states[s], &again));
            assert_memory_equal(part.scales, whole.scales, scales * sizeof *part.scales);
            assert_memory_equal(part.codes, whole.codes, code_bytes);
            same_report(&again, &report);
        }
        /* Cut off by its own save, then gone on with from what that was given, with three threads. */
        for (size_t stop = 1; stop < whole.state_count; stop++) {
            memset(part.scales, 0, sizeof part.scales);
            memset(part.codes, 0, sizeof part.codes);
            part.state_count = 0;
            part.stop_after = stop;
            const slm_status status = run_trying(coding, per_run, candidates, 1 + (unsigned)stop % 3, NULL, &part, NULL, &again);
            if (stop % 3 != 0 && status == SLM_OK)
                continue; /* several threads move on by several pieces at once, and so less often */
            assert_int_equal(status, SLM_E_CANCELLED);
            const slm_encode_state from = part.states[stop - 1];
            assert_memory_equal(part.codes, whole.codes, (size_t)from.code_bytes);
            part.state_count = 0;
            part.stop_after = SIZE_MAX;
            OK(run_trying(coding, per_run, candidates, 3, NULL, &part, &from, &again));
            assert_memory_equal(part.scales, whole.scales, scales * sizeof *part.scales);
            assert_memory_equal(part.codes, whole.codes, code_bytes);
            same_report(&again, &report);
        }
    }
}

/* Vectors that search many runs at once save more rarely than the scalar search; each goes on from the other's states. */
static void test_states_of_other_kernels(void **context) {
    (void)context;
    enum { LENGTH = 512, PIECE = 4096 };
    static float weights[MANY];
    static tensor_io scalar, widest, part;
    const slm_coding coding = {trellis_profile(), 5, 0x5EED, LENGTH};
    const bool per_run[] = {false, true};
    uint64_t random = 5;
    for (size_t i = 0; i < MANY; i++)
        weights[i] = (float)(int32_t)(uint32_t)next_random(&random) * 0x1p-33F;
    const size_t code_bytes = (size_t)(MANY / LENGTH * slm_profile_run_bytes(&coding.profile, LENGTH));
    for (size_t c = 0; c < 2; c++) {
        const size_t scales = per_run[c] ? MANY / LENGTH : 1;
        slm_encode_report report, again;
        tensor_io *const both[] = {&scalar, &widest}, *const all[] = {&scalar, &widest, &part};
        for (size_t i = 0; i < 3; i++) {
            memset(all[i], 0, sizeof *all[i]);
            all[i]->weights = weights;
            all[i]->elements = MANY;
            all[i]->stop_after = SIZE_MAX;
        }
        OK(run(&coding, per_run[c], 1, "scalar", &scalar, NULL, &report));
        OK(run(&coding, per_run[c], 1, NULL, &widest, NULL, &again));
        assert_int_equal(scalar.state_count, MANY / PIECE); /* little is lost where the search is slow */
        assert_true(widest.state_count >= 4);
        same_report(&again, &report);
        assert_memory_equal(widest.scales, scalar.scales, scales * sizeof *part.scales);
        assert_memory_equal(widest.codes, scalar.codes, code_bytes);
        for (size_t from = 0; from < 2; from++)
            for (size_t s = 0; s < both[from]->state_count; s++) {
                take_over(&part, both[from], &both[from]->states[s]);
                OK(run(&coding, per_run[c], 1 + (unsigned)s % 3, from == 0 ? NULL : "scalar", &part, &both[from]->states[s], &again));
                assert_memory_equal(part.scales, scalar.scales, scales * sizeof *part.scales);
                assert_memory_equal(part.codes, scalar.codes, code_bytes);
                same_report(&again, &report);
            }
    }
}

static void test_foreign_states(void **context) {
    (void)context;
    static float weights[ELEMENTS];
    static tensor_io io;
    slm_encode_report report;
    const slm_coding codings[] = {{block_profile(8), 0, 0, ELEMENTS / 2}, {trellis_profile(), 0, 0, 80}};
    for (size_t c = 0; c < 2; c++) {
        memset(&io, 0, sizeof io);
        io.weights = weights;
        io.stop_after = SIZE_MAX;
        OK(run(&codings[c], true, 1, NULL, &io, NULL, &report));
        const slm_encode_state good = io.states[0];
        for (int field = 0; field < 7; field++) {
            slm_encode_state bad = good;
            switch (field) {
            case 0: bad.elements++; break;
            case 1: bad.scales++; break;
            case 2: bad.code_bytes--; break;
            case 3: bad.group = c == 0 ? 2 : 1; break;
            case 4: bad.pieces = 0; break;
            case 5: bad.pieces += 1000000; break;
            default: bad.pieces = UINT64_MAX; break;
            }
            assert_int_equal(run(&codings[c], true, 2, NULL, &io, &bad, &report), SLM_E_ARGUMENT);
        }
        static const double sums[] = {-1, INFINITY, NAN};
        for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) {
            for (int field = 0; field < 5; field++) {
                slm_encode_state bad = good;
                slm_encode_report *r = &bad.report;
                double *const fields[] = {&r->squared_norm, &r->squared_error, &r->maximum_error, &r->weighted_norm, &r->weighted_error};
                *fields[field] = sums[i];
                io.state_count = 0;
                assert_int_equal(run(&codings[c], true, 2, NULL, &io, &bad, &report), SLM_E_ARGUMENT);
            }
        }
    }
}

static void begin_with_steps(tensor_io *io) {
    static float weights[ELEMENTS];
    for (size_t i = 0; i < ELEMENTS; i++)
        weights[i] = (float)(i % 7) - 3;
    memset(io, 0, sizeof *io);
    io->weights = weights;
    io->stop_after = SIZE_MAX;
}

/* A scale that no tensor has, in a state between the pieces that share it: nothing is searched with it. */
static void test_foreign_scale(void **context) {
    (void)context;
    static tensor_io io;
    slm_encode_report report;
    const slm_coding codings[] = {{block_profile(8), 0, 0, ELEMENTS}, {trellis_profile(), 0, 0, 80}};
    static const uint16_t scales[] = {0, 0x7f80, 0x7fc0, 0x8000, 0xbf80, 0xffff};
    for (size_t c = 0; c < 2; c++) {
        begin_with_steps(&io);
        OK(run(&codings[c], false, 1, NULL, &io, NULL, &report));
        const slm_encode_state good = io.states[0];
        for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
            slm_encode_state bad = good;
            bad.scale = scales[i];
            io.state_count = 0;
            assert_int_equal(run(&codings[c], false, 2, NULL, &io, &bad, &report), SLM_E_ARGUMENT);
        }
    }
}

/* A state of a scale being tried that no such trial comes to. */
static void test_foreign_trials(void **context) {
    (void)context;
    enum { CANDIDATES = 4 };
    static tensor_io io;
    slm_encode_report report;
    const slm_coding codings[] = {{block_profile(8), 0, 0, ELEMENTS}, {trellis_profile(), 0, 0, 80}};
    for (size_t c = 0; c < 2; c++) {
        begin_with_steps(&io);
        OK(run_trying(&codings[c], false, CANDIDATES, 1, NULL, &io, NULL, &report));
        slm_encode_state good = {0};
        for (size_t s = 0; s < io.state_count && io.states[s].trial < 3; s++)
            good = io.states[s];
        assert_true(good.trial == 2 && good.elements == 0 && good.scales == 0 && good.code_bytes == 0);
        for (int field = 0; field < 13; field++) {
            slm_encode_state bad = good;
            unsigned candidates = CANDIDATES;
            switch (field) {
            case 0: bad.trial = CANDIDATES + 1; break;
            case 1: bad.trial = UINT_MAX; break;
            case 2: bad.rule = 0; break;
            case 3: bad.rule = 0x7f80; break;
            case 4: bad.scale ^= 0x4000; break; /* none of the candidates */
            case 5: bad.least = NAN; break;
            case 6: bad.least = -1; break;
            case 7: bad.trial_error = INFINITY; break;
            case 8: bad.scales = 1; break;
            case 9: bad.elements = 80; break;
            case 10: bad.pieces = 0; break;
            case 11: bad.report.squared_error = NAN; break;
            default: candidates = 1; break;
            }
            io.state_count = 0;
            assert_int_equal(run_trying(&codings[c], false, candidates, 2, NULL, &io, &bad, &report), SLM_E_ARGUMENT);
        }
        io.state_count = 0;
        assert_int_equal(run_trying(&codings[1], true, CANDIDATES, 2, NULL, &io, &good, &report), SLM_E_ARGUMENT); /* within pieces */
    }
}

/* ---- The writer ---- */

/* A file of which an earlier run wrote some payloads entirely and one in part: the new one has the same bytes. */
static void test_adopt(void **context) {
    (void)context;
    example e;
    memory_file whole, file;
    slm_writer *writer;
    slm_error error;
    example_create(&e, NULL, 12, false);
    example_write(&e, &whole);
    for (uint64_t seed = 0; seed < 20; seed++) {
        uint64_t random = seed;
        memory_create(&file, whole.size);
        const slm_sink sink = memory_sink(&file);
        OK(slm_writer_create(&writer, e.layout, &sink, &error));
        for (size_t i = 0; i < e.payload_count; i++) /* what is in the sink when the new run begins */
            OK(slm_writer_write(writer, i, 0, e.sizes[i], e.payloads[i], &error));
        slm_writer_free(writer);
        OK(slm_writer_create(&writer, e.layout, &sink, &error));
        OK(slm_writer_set_result(writer, 4, 0x1122334455667788, 0.125F));
        for (size_t i = 0; i < e.payload_count; i++) {
            const uint64_t half = next_random(&random) % (e.sizes[i] + 1);
            uint8_t back[64];
            const size_t some = half < sizeof back ? (size_t)half : sizeof back;
            OK(slm_writer_read(writer, i, 0, some, back, &error));
            assert_memory_equal(back, e.payloads[i], some);
            OK(slm_writer_adopt(writer, i, 0, half, &error));
            if (half > 0)
                assert_int_equal(slm_writer_write(writer, i, 0, 1, "x", &error), SLM_E_STATE);
            if (half < e.sizes[i])
                assert_int_equal(slm_writer_finish(writer, &error), SLM_E_STATE);
            OK(slm_writer_write(writer, i, half, e.sizes[i] - half, e.payloads[i] + half, &error));
        }
        assert_int_equal(slm_writer_adopt(writer, 4, 0, 1, &error), SLM_E_STATE);
        assert_int_equal(slm_writer_adopt(writer, 4, e.sizes[4], 1, &error), SLM_E_ARGUMENT);
        assert_int_equal(slm_writer_adopt(writer, e.payload_count, 0, 1, &error), SLM_E_ARGUMENT);
        assert_int_equal(slm_writer_write(writer, 4, 0, 1, NULL, &error), SLM_E_ARGUMENT);
        OK(slm_writer_finish(writer, &error));
        slm_writer_free(writer);
        assert_memory_equal(file.bytes, whole.bytes, whole.size);
        free(file.bytes);
    }
    free(whole.bytes);
    example_free(&e);
}

/* ---- The temporary file ---- */

static char folder[] = "/tmp/slm-resume-XXXXXX";

static int make_folder(void **state) {
    (void)state;
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

static int remove_folder(void **state) {
    (void)state;
    return chdir("/") != 0 || rmdir(folder) != 0; /* fails where something was left behind */
}

static slm_file *begin(const char *path, bool resume, bool expected, const char *text) {
    slm_file *file;
    slm_sink sink;
    slm_error error;
    bool found = !expected;
    OK(slm_file_create_resumable(&file, path, false, resume, &found, &error));
    assert_int_equal(found, expected);
    slm_file_sink(file, &sink);
    if (text != NULL)
        assert_int_equal(sink.write_at(sink.context, 0, text, strlen(text)), 0);
    OK(slm_file_sync(file, &error));
    return file;
}

static void expect_text(const char *path, const char *text) {
    char bytes[64] = "";
    const int descriptor = open(path, O_RDONLY);
    assert_true(descriptor >= 0);
    assert_int_equal(read(descriptor, bytes, sizeof bytes), (ssize_t)strlen(text));
    assert_string_equal(bytes, text);
    close(descriptor);
}

static void test_found_again(void **state) {
    (void)state;
    slm_error error;
    slm_file *file = begin("out.slm", false, false, "one");
    assert_string_equal(slm_file_temporary(file), ".slm-out.slm.part");
    slm_file_keep(file);
    expect_text(".slm-out.slm.part", "one");
    file = begin("out.slm", true, true, NULL);
    expect_text(".slm-out.slm.part", "one");
    slm_file_keep(file);
    file = begin("out.slm", false, true, "two"); /* replaced, not written over */
    expect_text(".slm-out.slm.part", "two");
    slm_file_abort(file);
    file = begin("out.slm", true, false, "three");
    OK(slm_file_commit(file, &error));
    expect_text("out.slm", "three");
    assert_int_equal(access(".slm-out.slm.part", F_OK), -1);
    slm_file_keep(NULL);
    unlink("out.slm");
}

static void test_long_names(void **state) {
    (void)state;
    slm_error error;
    char name[256];
    memset(name, 'n', sizeof name);
    for (size_t length = 240; length < sizeof name; length++) {
        name[length] = 0;
        slm_file_keep(begin(name, true, false, "x"));
        slm_file *file = begin(name, true, true, NULL);
        OK(slm_file_commit(file, &error));
        expect_text(name, "x");
        unlink(name);
        name[length] = 'n';
    }
}

/* Another process has it: neither resumed nor replaced; when that process has ended, however it did, it can be had. */
static void test_locked(void **state) {
    (void)state;
    int go[2], ready[2];
    char byte = 0;
    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        slm_file *file;
        bool found;
        const bool made = slm_file_create_resumable(&file, "out.slm", false, false, &found, NULL) == SLM_OK;
        _exit(made && write(ready[1], "", 1) == 1 && read(go[0], &byte, 1) == 1 ? 0 : 1); /* keeps the file open until then */
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    for (int resume = 0; resume < 2; resume++) {
        slm_file *file;
        slm_error error;
        bool found;
        assert_int_equal(slm_file_create_resumable(&file, "out.slm", false, resume != 0, &found, &error), SLM_E_IO);
        assert_int_equal(error.system_error, EBUSY);
        assert_null(file);
        assert_int_equal(access(".slm-out.slm.part", F_OK), 0);
    }
    int status = 0;
    assert_int_equal(write(go[1], "", 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    slm_file_abort(begin("out.slm", true, true, NULL));
    close(go[0]), close(go[1]), close(ready[0]), close(ready[1]);
}

/* What others could write to, or have put there to have something else written. */
static void test_planted(void **state) {
    (void)state;
    const char *temporary = ".slm-out.slm.part";
    for (int kind = 0; kind < 3; kind++) {
        for (int resume = 1; resume >= 0; resume--) {
            slm_file *file;
            slm_error error;
            bool found;
            const int descriptor = open("victim", O_RDWR | O_CREAT, 0666);
            assert_int_equal(write(descriptor, "victim", 6), 6);
            close(descriptor);
            assert_int_equal(kind == 0 ? symlink("victim", temporary) : kind == 1 ? link("victim", temporary) : mkfifo(temporary, 0666), 0);
            const slm_status status = slm_file_create_resumable(&file, "out.slm", false, resume != 0, &found, &error);
            if (resume) {
                assert_int_equal(status, SLM_E_IO);
                assert_int_equal(error.system_error, kind == 0 ? ELOOP : EPERM);
                assert_int_equal(unlink(temporary), 0);
            } else { /* the name goes, what it led to stays */
                OK(status);
                slm_sink sink;
                slm_file_sink(file, &sink);
                assert_int_equal(sink.write_at(sink.context, 0, "mine", 4), 0);
                slm_file_abort(file);
            }
            expect_text("victim", "victim");
            unlink("victim");
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_state),
        cmocka_unit_test(test_states_of_other_kernels),
        cmocka_unit_test(test_foreign_states),
        cmocka_unit_test(test_foreign_scale),
        cmocka_unit_test(test_foreign_trials),
        cmocka_unit_test(test_adopt),
        cmocka_unit_test_setup_teardown(test_found_again, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_long_names, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_locked, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_planted, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
