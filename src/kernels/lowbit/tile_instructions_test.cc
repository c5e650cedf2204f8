// The loops of AMX with the instructions themselves, on a CPU that has vectors of 64 bytes and no AMX: each tile instruction traps, is decoded, and
// done in software, so that their operands, shapes and addresses are tested where none can run. Where the CPU has AMX, lowbit_test.cc runs them.
#include <gtest/gtest.h>

#if defined(__x86_64__) && defined(__linux__)
#include <signal.h>
#include <ucontext.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "base/cpu.h"
#include "base/rng.h"
#include "kernels/lowbit/packed_weights.h"

namespace scissionlite::kernels {
namespace low_bit_loops::amx {
extern const LowBitLoops kLoops;
}

namespace {

constexpr int kTiles = 8;
int done[6] = {};  // of each kind, below
enum Kind { kConfigure, kRelease, kZero, kLoad, kStore, kDot };

[[noreturn]] void leave(int status, const char* why) {
  std::fprintf(stderr, "%s\n", why);
  std::_Exit(status);
}

/// As LDTILECFG sets it; zero: not configured.
struct Configuration {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} shapes;
uint8_t tiles[kTiles][16][64];

/// VEX-encoded, as the manual lists it: map 0F38, no W, no L.
struct Instruction {
  int opcode = 0, prefix = 0, mod = 0, reg = 0, rm = 0, vvvv = 0, length = 5;
  uint64_t base = 0, index = 0;  // of memory, with displacement; scaled
};

uint64_t value_of(const ucontext_t& context, int number) {
  constexpr std::array kOrder{REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  return static_cast<uint64_t>(context.uc_mcontext.gregs[kOrder[static_cast<size_t>(number)]]);
}

void read_memory_operand(const ucontext_t& context, const uint8_t* at, Instruction& in) {
  const int high_index = (at[1] >> 6 & 1) == 0 ? 8 : 0, high_base = (at[1] >> 5 & 1) == 0 ? 8 : 0;
  int base = in.rm;
  if (in.rm == 4) {  // SIB
    const uint8_t sib = at[in.length++];
    const int index = (sib >> 3 & 7) + high_index;
    base = sib & 7;
    if (index != 4) in.index = value_of(context, index) << (sib >> 6);
  }
  int64_t displacement = 0;
  if (in.mod == 1) displacement = static_cast<int8_t>(at[in.length]);
  const bool is_far = in.mod == 2 || (in.mod == 0 && base == 5);
  if (is_far) {
    int32_t word;
    std::memcpy(&word, at + in.length, 4);
    displacement = word;
  }
  in.length += in.mod == 1 ? 1 : is_far ? 4 : 0;
  const bool is_relative = in.mod == 0 && in.rm == 5;
  if (in.mod == 0 && base == 5 && !is_relative) leave(1, "a tile instruction without a base");
  in.base = (is_relative ? reinterpret_cast<uint64_t>(at) + static_cast<uint64_t>(in.length) : value_of(context, base + high_base)) +
            static_cast<uint64_t>(displacement);
}

Instruction decoded(const ucontext_t& context, const uint8_t* at) {
  if (at[0] != 0xC4 || (at[1] & 31) != 2 || (at[3] != 0x49 && at[3] != 0x4B && at[3] != 0x5E)) leave(0, "[SKIP] needs more than avx512vnni");
  Instruction in{.opcode = at[3], .prefix = at[2] & 3, .mod = at[4] >> 6, .reg = at[4] >> 3 & 7, .rm = at[4] & 7, .vvvv = ~(at[2] >> 3) & 15};
  if (in.mod != 3) read_memory_operand(context, at, in);
  return in;
}

void configure(uint64_t from) {
  std::memcpy(&shapes, reinterpret_cast<const void*>(from), sizeof shapes);
  std::memset(tiles, 0, sizeof tiles);
  bool is_valid = shapes.palette == 1 && shapes.start_row == 0;
  for (const uint8_t byte : shapes.reserved) is_valid = is_valid && byte == 0;
  for (int i = 0; i < 16; ++i)
    is_valid = is_valid && shapes.rows[i] <= 16 && shapes.row_bytes[i] <= 64 && (i < kTiles || (shapes.rows[i] == 0 && shapes.row_bytes[i] == 0));
  if (!is_valid) leave(1, "LDTILECFG would fault");
}

void add_products(int sums, int x, int w) {
  const bool fits = sums != x && sums != w && x != w && shapes.rows[sums] == shapes.rows[x] && shapes.row_bytes[sums] == shapes.row_bytes[w] &&
                    shapes.row_bytes[x] == 4 * shapes.rows[w];
  if (!fits) leave(1, "TDPBSUD would fault");
  for (int m = 0; m < shapes.rows[sums]; ++m)
    for (int n = 0; n < shapes.row_bytes[sums] / 4; ++n) {
      uint32_t sum;
      std::memcpy(&sum, tiles[sums][m] + 4 * n, 4);
      for (int k = 0; k < shapes.row_bytes[x]; ++k)
        sum += static_cast<uint32_t>(static_cast<int8_t>(tiles[x][m][k]) * static_cast<int32_t>(tiles[w][k / 4][4 * n + k % 4]));
      std::memcpy(tiles[sums][m] + 4 * n, &sum, 4);
    }
}

void move_rows(const Instruction& in, bool stores) {
  if (!stores) std::memset(tiles[in.reg], 0, sizeof tiles[0]);
  for (int r = 0; r < shapes.rows[in.reg]; ++r) {
    auto* const memory = reinterpret_cast<uint8_t*>(in.base + static_cast<uint64_t>(r) * in.index);
    if (stores) std::memcpy(memory, tiles[in.reg][r], shapes.row_bytes[in.reg]);
    else std::memcpy(tiles[in.reg][r], memory, shapes.row_bytes[in.reg]);
  }
}

Kind kind_of(const Instruction& in) {
  constexpr int kNone = 0, kF3 = 2, kF2 = 3;
  if (in.opcode == 0x49 && in.prefix == kNone) return in.mod == 3 ? kRelease : kConfigure;
  if (in.opcode == 0x49 && in.prefix == kF2 && in.mod == 3) return kZero;
  if (in.opcode == 0x4B && in.prefix == kF2) return kLoad;
  if (in.opcode == 0x4B && in.prefix == kF3) return kStore;
  if (in.opcode == 0x5E && in.prefix == kF3) return kDot;
  leave(1, "a tile instruction that these loops have no use for");
}

void on_illegal(int, siginfo_t*, void* raw) {
  auto& context = *static_cast<ucontext_t*>(raw);
  auto& at = context.uc_mcontext.gregs[REG_RIP];
  const auto in = decoded(context, reinterpret_cast<const uint8_t*>(at));
  const auto kind = kind_of(in);
  if (kind != kConfigure && shapes.palette == 0) leave(1, "a tile instruction without a configuration");
  if (kind == kConfigure) configure(in.base);
  else if (kind == kRelease) shapes = {};
  else if (kind == kZero) std::memset(tiles[in.reg], 0, sizeof tiles[0]);
  else if (kind == kDot) add_products(in.reg, in.rm, in.vvvv);
  else move_rows(in, kind == kStore);
  ++done[kind];
  at += in.length;
}

void expect_product(int bits, int rows, int64_t count, int64_t inputs) {
  const auto& loops = low_bit_loops::amx::kLoops;
  Rng rng(static_cast<uint64_t>(bits));
  const int64_t m = count * rows, outputs = loops.outputs, units = (inputs + 7) / 8, x_row = (inputs + kTileInputs - 1) / kTileInputs * kTileInputs;
  Buffer<uint8_t> x(m * x_row), u(units * 8 * outputs);
  Buffer<int32_t> sums(m * outputs);
  for (int64_t row = 0; row < m; ++row)
    for (int64_t i = 0; i < inputs; ++i) x[row * x_row + i] = static_cast<uint8_t>(rng.below(256));
  for (int64_t i = 0; i < u.size(); ++i) u[i] = static_cast<uint8_t>(rng.below(uint64_t{1} << bits));
  const PackedWeights packed(u.data(), u.size(), {bits, 0, 1}, loops);
  loops.enter_tiles(rows);
  loops.tile_product(
      {.x = x.data(), .x_row = x_row, .tiles = count, .rows = rows, .units = units, .packed = packed.at(0), .bits = bits, .sums = sums.data()});
  loops.leave_tiles();
  for (int64_t i = 0; i < m * outputs; ++i) {
    int64_t want = 0;
    for (int64_t c = 0; c < inputs; ++c)
      want += static_cast<int8_t>(x[i / outputs * x_row + c]) * int64_t{u[(c / 4 * outputs + i % outputs) * 4 + c % 4]};
    if (sums[i] != want)
      leave(1, ("another sum: w" + std::to_string(bits) + ", " + std::to_string(count) + " tiles of " + std::to_string(rows) + " rows, " +
                std::to_string(inputs) + " inputs")
                   .c_str());
  }
}

[[noreturn]] void run_trapped() {
  struct sigaction action = {};
  action.sa_sigaction = on_illegal;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGILL, &action, nullptr);
  for (int bits = 1; bits <= kMostTileBits; ++bits)
    for (const int rows : {1, 5, 16})
      for (const int64_t count : {1, 2, 3})
        for (const int64_t inputs : {5, 136, 600}) expect_product(bits, rows, count, inputs);
  for (const int kind : done)
    if (kind == 0) leave(1, "an instruction was never run");
  leave(0, "all exact");
}

TEST(LowBitTiles, InstructionsDoWhatTheirDescriptionDoes) {
  if (has_isa({"amx_int8"}) || !has_isa({"avx512bw", "avx512vnni"})) {
    std::cout << "[SKIP] needs avx512vnni and no amx_int8, with which lowbit_test.cc runs them\n";
    return;
  }
  EXPECT_EXIT(run_trapped(), ::testing::ExitedWithCode(0), "all exact|\\[SKIP\\]");
}

}  // namespace
}  // namespace scissionlite::kernels
#endif
