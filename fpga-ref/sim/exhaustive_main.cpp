// exhaustive_main.cpp: every case there is, from libslm into the Verilog that ghdl made, compiled by Verilator. Which check is a macro:
//   CHECK_WINDOWS  slm_trellis_decoder, slm-4, 128 lanes: all 65,536 windows at every position of the word; with OUTPUT 1 to 3 every T at
//                  every position and every power of two as scale (POW2)
//   CHECK_SUMS     slm_block_sums, paper-4: all 65,536 * 4,096 (seed, q0, q1, q2), in a scattered order
//   CHECK_CONVERT  slm_converter: every sum that paper-4 can make and every exponent code, for a list of scales
//   CHECK_RECORDS  slm_block_decoder (optimised), paper-4: random whole records and scales
// Arguments: PART PARTS COUNT: check part PART of PARTS (to run side by side) of the first COUNT cases (0: all). OUTPUT and NORM are
// macros.
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <vector>

#include "Vdut.h"
#include "slm/slm.h"
#include "verilated.h"

static std::unique_ptr<Vdut> dut;
static uint64_t cases;

static void edge() {
    dut->clk = 1;
    dut->eval();
    dut->clk = 0;
    dut->eval();
}
static void fail(const char *what, uint64_t a, uint64_t b) {
    std::fprintf(stderr, "WRONG: %s at %" PRIu64 " (%" PRIu64 ")\n", what, a, b);
    std::exit(1);
}
template <std::size_t N> static uint64_t bits(const VlWide<N> &port, unsigned at, unsigned width) {
    uint64_t v = 0;
    for (unsigned i = 0; i < width; i++)
        v |= uint64_t(port[(at + i) / 32] >> ((at + i) % 32) & 1) << i;
    return v;
}

#ifndef NORM
#define NORM 1
#endif
#ifndef OUTPUT
#define OUTPUT 0
#endif
#ifndef SCALES // bfloat16 bits of the scales for CHECK_CONVERT
#define SCALES 0x3B80, 0x3F80, 0x3400, 0x4600, 0x0001, 0x7F00
#endif
[[maybe_unused]] static slm_dtype dtype() { return OUTPUT == 1 ? SLM_F16 : OUTPUT == 2 ? SLM_BF16 : SLM_F32; }

#if defined(CHECK_WINDOWS)
static void check(uint64_t part, uint64_t parts, uint64_t count) {
    // T of every window, from libslm: runs of one weight.
    slm_coding coding = {};
    coding.profile = *slm_profile_by_name("slm-4");
    coding.run_length = 1;
    slm_decoder d;
    if (slm_decoder_init(&d, &coding, "scalar") != SLM_OK)
        fail("no decoder", 0, 0);
    std::vector<int> t(65536);
    for (unsigned w = 0; w < 65536; w++) {
        uint8_t code[2] = {uint8_t(w), uint8_t(w >> 8)};
        int64_t v;
        if (slm_decode_integers(&d, code, 0, 1, &v) != SLM_OK)
            fail("libslm", w, 0);
        t[w] = int(v);
    }
    // What goes in at word i: with integers every window; with floats a window for every T there is, with every scale.
    std::vector<unsigned> of_t;
    std::vector<uint16_t> scales;
    for (int v = -64; OUTPUT && v <= 64; v++)
        for (unsigned w = 0; w < 65536; w++)
            if (t[w] == v) {
                of_t.push_back(w);
                break;
            }
    for (unsigned i = 0; i < 7 + 254; i++)
        scales.push_back(uint16_t(i < 7 ? 1u << i : (i - 6) << 7));
    uint64_t total = OUTPUT ? 8 * of_t.size() * scales.size() : 8 * 65536;
    auto window = [&](uint64_t i) { return OUTPUT ? of_t[(i >> 3) % of_t.size()] : unsigned((i >> 3) * 40503 & 0xFFFF); };
    auto scale = [&](uint64_t i) { return scales[OUTPUT ? (i >> 3) / of_t.size() % scales.size() : 0]; };
    const unsigned width = OUTPUT == 0 ? 7 : OUTPUT == 3 ? 32 : 16;
    uint16_t known = 0;
    std::vector<uint32_t> rounded(129);
    auto expected = [&](int v, uint16_t by) {
        if (OUTPUT == 0)
            return uint32_t(v) & 127;
        if (by != known)
            for (int x = -64; x <= 64; x++)
                rounded[unsigned(x + 64)] = slm_round_value(x, by, 1, dtype());
        known = by;
        return rounded[unsigned(v + 64)];
    };
    // One run whose words repeat a window every 16 bits, from bit 4 * phase on: positions of that phase see the window, the others its
    // rotations. Each word comes twice, for the positions whose windows reach into the next word, and all four phases come, so that every
    // position sees every window.
    if (count && count < total)
        total = count;
    dut->s_valid = 1;
    dut->m_ready = 1;
    dut->s_last = 0;
    dut->s_tail = 0;
    struct word {
        std::vector<uint8_t> nibbles;
        uint16_t scale;
    };
    std::deque<word> sent;
    auto compare = [&](const std::vector<uint8_t> &a, const std::vector<uint8_t> &b, uint16_t by) { // nibbles of the word and its successor
        for (unsigned j = 0; j < 128; j++) {
            unsigned w = 0;
            for (unsigned n = 0; n < 4; n++)
                w |= unsigned(j + n < 128 ? a[j + n] : b[j + n - 128]) << (4 * n);
            if (bits(dut->m_data, width * j, width) != expected(t[w], by))
                fail("the weight of a window", w, j);
            cases++;
        }
    };
    for (uint64_t i = part * total / parts; i < (part + 1) * total / parts + 16; i++) {
        unsigned w = window(i), phase = unsigned(i >> 1 & 3);
        std::vector<uint8_t> nibbles(128);
        for (unsigned n = 0; n < 128; n++)
            nibbles[n] = uint8_t(w >> (4 * ((n + 4 - phase) & 3)) & 15);
        for (unsigned x = 0; x < 16; x++)
            dut->s_data[x] = 0;
        for (unsigned n = 0; n < 128; n++)
            dut->s_data[n / 8] |= uint32_t(nibbles[n]) << (n % 8 * 4);
        dut->s_scale = scale(i);
        dut->eval();
        if (dut->m_valid) {
            compare(sent[0].nibbles, sent[1].nibbles, sent[0].scale);
            sent.pop_front();
        }
        if (!dut->s_ready)
            fail("not ready", i, 0);
        edge();
        sent.push_back({nibbles, scale(i)});
    }
}

#elif defined(CHECK_SUMS)
static void check(uint64_t part, uint64_t parts, uint64_t count) {
    slm_profile p = *slm_profile_by_name("paper-4");
    std::vector<std::vector<int32_t>> entry(65536);
    for (uint32_t s = 0; s < 65536; s++) {
        uint32_t v[24];
        slm_entries(&p, s, v);
        for (unsigned i = 0; i < 24; i++)
            entry[s].push_back(int32_t(v[i]) - 32768);
    }
    const uint64_t space = UINT64_C(1) << 28, total = count && count < space ? count : space;
    dut->ce = (1u << LATENCY) - 1;
    const unsigned latency = LATENCY;
    std::vector<uint64_t> ring(latency + 1);
    uint64_t from = part * total / parts, to = (part + 1) * total / parts;
    for (uint64_t i = from; i < to + latency; i++) {
        uint64_t code = i * UINT64_C(0x9E3779B1) & (space - 1); // a bijection: every code once, scattered
        dut->seed = unsigned(code & 0xFFFF);
        dut->q = unsigned(code >> 16);
        dut->eval();
        edge();
        ring[i % (latency + 1)] = code;
        if (i + 1 < from + latency)
            continue;
        uint64_t at = i + 1 - latency;
        if (at >= to)
            break;
        uint64_t was = ring[at % (latency + 1)];
        const int32_t *v = entry[was & 0xFFFF].data();
        int32_t q[3];
        for (unsigned j = 0; j < 3; j++) {
            q[j] = int32_t(was >> (16 + 4 * j) & 15);
            q[j] -= (q[j] & 8) * 2;
        }
        for (unsigned c = 0; c < 8; c++) {
            int32_t sum = q[0] * v[3 * c] + q[1] * v[3 * c + 1] + q[2] * v[3 * c + 2];
            unsigned word = 21 * c / 32, shift = 21 * c % 32;
            uint64_t two = dut->sums[word] | (word + 1 < 6 ? uint64_t(dut->sums[word + 1]) << 32 : 0);
            if ((two >> shift & 0x1FFFFF) != (uint32_t(sum) & 0x1FFFFF))
                fail("a sum", was, c);
        }
        cases++;
    }
}

#elif defined(CHECK_CONVERT)
static void check(uint64_t part, uint64_t parts, uint64_t count) {
    const uint16_t scales[] = {SCALES};
    const uint32_t divisor = NORM ? 32767 : 1;
    const int64_t most = 3 * 8 * 32768; // |sum| <= P * 2^(B-1) * 2^(W-1)
    struct expected {
        int64_t value;
        uint16_t scale;
    };
    std::deque<expected> sent;
    dut->s_valid = 1;
    dut->m_ready = 1;
    uint64_t total = uint64_t(2 * most + 1) * 16;
    for (uint16_t scale : scales) {
        uint64_t n = count && count < total ? count : total, from = part * n / parts, to = (part + 1) * n / parts;
        for (uint64_t i = from; i < to + 16; i++) {
            uint64_t scattered = (i < to ? i : from) * 48271 % total; // 48271 is a prime that does not divide the total
            int64_t sum = int64_t(scattered / 16) - most;
            unsigned e = unsigned(scattered % 16);
            dut->s_value = unsigned(sum) & 0x1FFFFF;
            dut->s_exponent = uint8_t(e);
            dut->s_scale = scale;
            dut->eval();
            if (dut->m_valid) {
                uint32_t want = slm_round_value(sent[0].value, sent[0].scale, divisor, dtype());
                if (dut->m_data != want)
                    fail("a conversion", uint64_t(sent[0].value), sent[0].scale);
                sent.pop_front();
                cases++;
            }
            edge();
            sent.push_back({sum * (INT64_C(1) << e), scale});
        }
    }
}

#elif defined(CHECK_RECORDS)
static void check(uint64_t part, uint64_t parts, uint64_t count) {
    slm_coding coding = {};
    coding.profile = *slm_profile_by_name("paper-4");
    coding.profile.norm = NORM;
    coding.run_length = 8;
    slm_decoder d;
    if (slm_decoder_init(&d, &coding, NULL) != SLM_OK)
        fail("no decoder", 0, 0);
    struct expected {
        uint32_t code;
        uint16_t scale;
    };
    std::deque<expected> sent;
    dut->s_valid = 1;
    dut->m_ready = 1;
    uint64_t state = 0x9E3779B97F4A7C15u * (part + 1), n = (count ? count : 100000000) / parts;
    for (uint64_t i = 0; i < n + 32; i++) {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        uint64_t r = state * 0x2545F4914F6CDD1Du;
        uint32_t code = uint32_t(r >> 32);
        if ((code & 0xFFFF) == 0)
            code |= 1;
        unsigned field = unsigned(r & 3) ? 100 + unsigned(r >> 2 & 31) : unsigned(r >> 2) % 255;
        unsigned mantissa = NORM ? unsigned(r >> 10) & 127 : 0;
        if (field == 0 && mantissa == 0)
            mantissa = 1;
        uint16_t scale = uint16_t(field << 7 | mantissa);
        dut->s_record = code;
        dut->s_scale = scale;
        dut->eval();
        if (dut->m_valid) {
            uint8_t bytes[4] = {uint8_t(sent[0].code), uint8_t(sent[0].code >> 8), uint8_t(sent[0].code >> 16),
                                uint8_t(sent[0].code >> 24)};
            uint16_t want[16];
            if (slm_decode_run(&d, bytes, sent[0].scale, 0, 8, dtype(), want) != SLM_OK)
                fail("libslm", sent[0].code, sent[0].scale);
            for (unsigned c = 0; c < 8; c++)
                if ((dut->m_data[c / 2] >> (16 * (c & 1)) & 0xFFFF) != want[c])
                    fail("a weight of record", sent[0].code, sent[0].scale);
            sent.pop_front();
            cases++;
        }
        edge();
        sent.push_back({code, scale});
    }
}
#endif

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    dut = std::make_unique<Vdut>();
    dut->clk = 0;
#ifndef CHECK_SUMS
    dut->rst = 1;
    dut->s_valid = 0;
    for (int i = 0; i < 3; i++)
        edge();
    dut->rst = 0;
#endif
    check(std::strtoull(argv[1], nullptr, 0), std::strtoull(argv[2], nullptr, 0), std::strtoull(argv[3], nullptr, 0));
    dut.reset(); // before Verilator's own globals go
    std::printf("ok: %" PRIu64 " cases\n", cases);
    return 0;
}
