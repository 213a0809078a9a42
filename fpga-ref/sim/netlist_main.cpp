// netlist_main.cpp: replays a vector file (slm_fpga_vectors) into the Verilog that ghdl made of an entity, compiled by Verilator, with
// random stalls on both sides. Arguments: IN OUT OUTPUT_WIDTH STALL_PERCENT. DUT_TRELLIS, DUT_BLOCK, DUT_STREAM or DUT_HADAMARD says which entity.
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "Vdut.h"
#include "verilated.h"

static uint64_t state = 0x123456789ABCDEFu;
static bool chance(unsigned percent) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (state * 0x2545F4914F6CDD1Du >> 40) % 100 < percent;
}

// A port from a hexadecimal number, whatever type Verilator gave it.
static unsigned digit(char c) { return c <= '9' ? unsigned(c - '0') : unsigned(c - 'a') + 10; }
template <class T> static void set_port(T &port, const std::string &hex) {
    uint64_t v = 0;
    for (char c : hex) v = v << 4 | digit(c);
    port = T(v);
}
template <std::size_t N> static void set_port(VlWide<N> &port, const std::string &hex) {
    for (std::size_t i = 0; i < N; i++) port[i] = 0;
    for (std::size_t d = 0; d < hex.size(); d++) port[d / 8] |= EData(digit(hex[hex.size() - 1 - d])) << (d % 8 * 4);
}
template <class T> static bool get_bit(const T &port, unsigned i) { return uint64_t(port) >> i & 1; }
template <std::size_t N> static bool get_bit(const VlWide<N> &port, unsigned i) { return port[i / 32] >> (i % 32) & 1; }
static bool hex_bit(const std::string &hex, unsigned i) { return digit(hex[hex.size() - 1 - i / 4]) >> (i % 4) & 1; }

static std::vector<std::vector<std::string>> read_file(const char *path) {
    std::vector<std::vector<std::string>> lines;
    std::ifstream f(path);
    std::string line, word;
    while (std::getline(f, line)) {
        std::istringstream words(line);
        lines.emplace_back();
        while (words >> word) lines.back().push_back(word);
    }
    if (lines.empty()) {
        std::cerr << "empty vector file " << path << "\n";
        std::exit(1);
    }
    return lines;
}

int main(int argc, char **argv) {
    if (argc != 5)
        return 2;
    auto in = read_file(argv[1]), expected = read_file(argv[2]);
    unsigned width = unsigned(std::atoi(argv[3])), stall = unsigned(std::atoi(argv[4]));
    auto dut = std::make_unique<Vdut>();
    std::size_t sent = 0, got = 0, idle = 0, since = 0; // since: clocks from the first word in
    bool offered = false;
    dut->clk = 0;
    dut->rst = 1;
    dut->s_valid = 0;
    dut->m_ready = 0;
#ifdef DUT_STREAM
    std::size_t commands = 0, scales = 0;
    std::vector<std::vector<std::string>> command_lines, scale_lines, data_lines;
    for (auto &l : in) (l[0] == "t" ? command_lines : l[0] == "s" ? scale_lines : data_lines).push_back(l);
    for (auto &l : data_lines) l.erase(l.begin());
    in = data_lines;
    dut->t_valid = 0;
    dut->c_valid = 0;
#endif
    auto edge = [&] {
        dut->clk = 1;
        dut->eval();
        dut->clk = 0;
        dut->eval();
    };
    for (int i = 0; i < 3; i++) edge();
    dut->rst = 0;
    while (got < expected.size()) {
        if (++idle > 10000) {
            std::cerr << "no weights for 10000 clocks, " << got << " of " << expected.size() << " groups seen\n";
            return 1;
        }
        if (!offered && sent < in.size() && !chance(stall)) {
            offered = true;
            const auto &l = in[sent];
#if defined(DUT_TRELLIS)
            set_port(dut->s_data, l[0]);
            dut->s_last = l[1] == "1";
            dut->s_tail = l[2] == "1";
            set_port(dut->s_scale, l[3]);
#elif defined(DUT_BLOCK)
            set_port(dut->s_record, l[0]);
            set_port(dut->s_scale, l[1]);
#elif defined(DUT_HADAMARD)
            set_port(dut->s_data, l[0]);
            dut->s_last = l[1] == "1";
            set_port(dut->sign_seed, l[2]);
#else
            set_port(dut->s_data, l[0]);
#endif
        }
        dut->s_valid = offered;
        dut->m_ready = !chance(stall);
#ifdef DUT_STREAM
        if (!dut->t_valid && commands < command_lines.size()) {
            set_port(dut->t_run_length, command_lines[commands][1]);
            set_port(dut->t_runs, command_lines[commands][2]);
            dut->t_valid = 1;
        }
        if (!dut->c_valid && scales < scale_lines.size() && !chance(stall)) {
            set_port(dut->c_scale, scale_lines[scales][1]);
            dut->c_valid = 1;
        }
#endif
        dut->eval();
        bool in_taken = dut->s_valid && dut->s_ready, out_taken = dut->m_valid && dut->m_ready;
        if (out_taken) {
            const auto &l = expected[got];
#ifdef DUT_HADAMARD
            unsigned lanes = unsigned(l[0].size() * 4 / width);
#else
            unsigned lanes = unsigned(std::atoi(l[1].c_str()));
#endif
            bool compare = true;
#if defined(DUT_TRELLIS)
            bool side = dut->m_last == (l[2] == "1");
#elif defined(DUT_BLOCK)
            bool side = dut->m_seed0 == (l[2] == "1");
#elif defined(DUT_HADAMARD)
            bool side = dut->m_last == (l[1] == "1");
#else
            bool side = dut->m_last == (l[2] == "1") && dut->m_tensor_last == (l[3] == "1") && dut->m_seed0 == (l[4] == "1") && dut->m_count == lanes;
            compare = l[4] == "0";
#endif
            if (!side) {
                std::cerr << "group " << got << ": a flag beside the weights is wrong\n";
                return 1;
            }
            for (unsigned i = 0; compare && i < lanes * width; i++)
                if (get_bit(dut->m_data, i) != hex_bit(l[0], i)) {
                    std::cerr << "group " << got << " lane " << i / width << " bit " << i % width << " is wrong\n";
                    return 1;
                }
            got++;
            idle = 0;
        }
#ifdef DUT_STREAM
        bool command_taken = dut->t_valid && dut->t_ready, scale_taken = dut->c_valid && dut->c_ready;
#endif
        edge();
        since += sent > 0 || in_taken;
        if (in_taken) {
            sent++;
            offered = false;
        }
#ifdef DUT_STREAM
        if (command_taken) {
            commands++;
            dut->t_valid = 0;
        }
        if (scale_taken) {
            scales++;
            dut->c_valid = 0;
        }
#endif
    }
    std::cout << "ok: " << got << " groups, " << since << " clocks from the first word in to the last weight out\n";
    return 0;
}
