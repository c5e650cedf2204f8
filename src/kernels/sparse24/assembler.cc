#include "kernels/sparse24/assembler.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace scissionlite::kernels {
namespace {

constexpr size_t kRegisterBytes = 64;
constexpr int64_t kFloatBytes = 4, kQuarterBytes = 16;

}  // namespace

// EVEX: 62, then three bytes whose register bits are inverted: [R X B R' 0 map], [W vvvv 1 prefix], [z L'L b V' aaa]; L'L = 2 for 512 bits.
void Assembler::evex(Operation operation, int reg, int second, bool is_broadcast, bool has_low_rm, bool has_low_index) {
  const auto bit = [](bool is_set, int at) { return is_set ? 1 << at : 0; };
  const int first = bit(!(reg & 8), 7) | bit(has_low_index, 6) | bit(has_low_rm, 5) | bit(!(reg & 16), 4) | operation.map;
  const int next = bit(operation.is_wide, 7) | (~second & 15) << 3 | 4 | operation.prefix;
  const int last = 2 << 5 | bit(is_broadcast, 4) | bit(!(second & 16), 3);
  bytes({0x62, static_cast<uint8_t>(first), static_cast<uint8_t>(next), static_cast<uint8_t>(last), operation.opcode});
}

void Assembler::word(int32_t value) {
  const auto bits = static_cast<uint32_t>(value);
  for (int i = 0; i < 4; ++i) code_.push_back(static_cast<uint8_t>(bits >> (8 * i)));
}

void Assembler::with_memory(Operation operation, int reg, int second, Pointer base, int64_t offset, Memory memory) {
  const int number = static_cast<int>(base);
  const int64_t unit = memory == Memory::kWhole ? int64_t{kRegisterBytes} : memory == Memory::kQuarter ? kQuarterBytes : kFloatBytes;
  evex(operation, reg, second, memory == Memory::kBroadcast, !(number & 8), true);
  const int registers = (reg & 7) << 3 | (number & 7);
  if (is_short(offset, unit)) return bytes({static_cast<uint8_t>(0x40 | registers), static_cast<uint8_t>(offset / unit)});
  code_.push_back(static_cast<uint8_t>(0x80 | registers));
  word(static_cast<int32_t>(offset));
}

void Assembler::with_registers(Operation operation, int reg, int second, int third) {
  evex(operation, reg, second, false, !(third & 8), !(third & 16));
  code_.push_back(static_cast<uint8_t>(0xC0 | (reg & 7) << 3 | (third & 7)));
}

void Assembler::zero(int z) { with_registers({1, 1, 0xEF}, z, z, z); }
void Assembler::load_seventh(Pointer to) {
  const int number = static_cast<int>(to);
  bytes({static_cast<uint8_t>(0x48 | number >> 3 << 2), 0x8B, static_cast<uint8_t>(0x44 | (number & 7) << 3), 0x24, 8});
}
void Assembler::load(int z, Pointer base, int64_t offset) { with_memory({1, 0, 0x10}, z, 0, base, offset, Memory::kWhole); }
void Assembler::load_one(int z, Pointer base, int64_t offset) { with_memory({2, 1, 0x18}, z, 0, base, offset, Memory::kFloat); }
void Assembler::store(int z, Pointer base, int64_t offset) { with_memory({1, 0, 0x11}, z, 0, base, offset, Memory::kWhole); }
void Assembler::add_product_of_one(int sum, int factor, Pointer base, int64_t offset) {
  with_memory({2, 1, 0xB8}, sum, factor, base, offset, Memory::kBroadcast);
}
void Assembler::add(int z, int to, Pointer base, int64_t offset) { with_memory({1, 0, 0x58}, z, to, base, offset, Memory::kWhole); }
void Assembler::greater(int z, int a, int b) { with_registers({1, 0, 0x5F}, z, a, b); }
void Assembler::less(int z, int a, int b) { with_registers({1, 0, 0x5D}, z, a, b); }
void Assembler::low_floats(int z, int a, int b) { with_registers({1, 0, 0x14}, z, a, b); }
void Assembler::high_floats(int z, int a, int b) { with_registers({1, 0, 0x15}, z, a, b); }
void Assembler::low_pairs(int z, int a, int b) { with_registers({1, 1, 0x14, true}, z, a, b); }
void Assembler::high_pairs(int z, int a, int b) { with_registers({1, 1, 0x15, true}, z, a, b); }
void Assembler::load_quarter(int z, Pointer base, int64_t offset) { with_memory({2, 1, 0x1A}, z, 0, base, offset, Memory::kQuarter); }
void Assembler::insert_quarter(int z, int quarter, Pointer base, int64_t offset) {
  with_memory({3, 1, 0x18}, z, z, base, offset, Memory::kQuarter);
  code_.push_back(static_cast<uint8_t>(quarter));
}
void Assembler::prefetch(uint8_t opcode, int hint, Pointer base, int64_t offset) {
  const int number = static_cast<int>(base);
  bytes({static_cast<uint8_t>(0x40 | number >> 3), 0x0F, opcode, static_cast<uint8_t>(0x80 | hint << 3 | (number & 7))});
  word(static_cast<int32_t>(offset));
}
void Assembler::fetch(Pointer base, int64_t offset) { prefetch(0x18, 2, base, offset); }
void Assembler::fetch_to_write(Pointer base, int64_t offset) { prefetch(0x0D, 1, base, offset); }
void Assembler::advance(Pointer pointer, int32_t count) {
  const int number = static_cast<int>(pointer);
  bytes({static_cast<uint8_t>(0x48 | number >> 3), 0x81, static_cast<uint8_t>(0xC0 | (number & 7))});
  word(count);
}
void Assembler::jump(int64_t to) {
  constexpr int64_t kLength = 5;
  const int64_t distance = to - (size() + kLength);
  code_.push_back(0xE9);
  word(static_cast<int32_t>(distance));
}
int64_t Assembler::constants(const std::vector<float>& values) {
  code_.resize((code_.size() + kRegisterBytes - 1) / kRegisterBytes * kRegisterBytes, 0xCC);  // int3, should it ever be run
  const int64_t at = size();
  const auto* const bytes = reinterpret_cast<const uint8_t*>(values.data());
  code_.insert(code_.end(), bytes, bytes + values.size() * sizeof(float));
  return at;
}
void Assembler::leave() { bytes({0xC5, 0xF8, 0x77, 0xC3}); }

ExecutableCode::ExecutableCode(const std::vector<uint8_t>& code) : bytes_(static_cast<int64_t>(code.size())) {
  void* const memory = mmap(nullptr, code.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    throw ResourceError("[sparse24] no memory for " + std::to_string(code.size()) + " bytes of generated code (" + std::strerror(errno) + ")");
#ifdef MADV_HUGEPAGE
  (void)madvise(memory, code.size(), MADV_HUGEPAGE);  // less to look up where code is large; a hint
#endif
  std::memcpy(memory, code.data(), code.size());
  if (mprotect(memory, code.size(), PROT_READ | PROT_EXEC) != 0) {
    const std::string reason = std::strerror(errno);
    munmap(memory, code.size());
    throw ResourceError("[sparse24] the system refuses to run generated code (" + reason + "); choose another convolution by `scissionlite tune`");
  }
  data_ = static_cast<uint8_t*>(memory);
}

ExecutableCode::~ExecutableCode() {
  if (data_) munmap(data_, static_cast<size_t>(bytes_));
}

}  // namespace scissionlite::kernels
