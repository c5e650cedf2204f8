// The few AVX-512 instructions that generated products consist of, as machine code, and memory that it runs from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace scissionlite::kernels {

/// General registers by their number in x86's encoding: the first arguments of a function (System V), and one that it may use.
enum class Pointer : int { kFirst = 7, kSecond = 6, kThird = 2, kFourth = 1, kFifth = 8, kSixth = 9, kOther = 0 };

/// Where code is written. Registers z are 0 to 31, offsets in bytes. Offsets that fit a byte of the unit (64 bytes, of broadcasts 4) are
/// encoded as such, which makes 7 bytes an instruction; others take 10.
class Assembler {
 public:
  void zero(int z);                                    // vpxord z, z, z
  void load_seventh(Pointer to);                       // mov to, [rsp + 8]: the function's seventh argument
  void load(int z, Pointer base, int64_t offset);      // vmovups z, [base + offset]: 64 bytes
  void load_one(int z, Pointer base, int64_t offset);  // vbroadcastss z, [base + offset]
  void store(int z, Pointer base, int64_t offset);     // vmovups [base + offset], z
  /// z[sum] += z[factor] * the float at [base + offset].
  void add_product_of_one(int sum, int factor, Pointer base, int64_t offset);  // vfmadd231ps sum, factor, [base + offset]{1to16}
  void add(int z, int to, Pointer base, int64_t offset);                       // vaddps z, to, [base + offset]
  void greater(int z, int a, int b);                                           // vmaxps z, a, b: b where one of them is no number
  void less(int z, int a, int b);                                              // vminps z, a, b: likewise
  /// Of each 128 bits of a and b: the lower or upper floats of both in turn, or the lower or upper pairs.
  void low_floats(int z, int a, int b);   // vunpcklps z, a, b
  void high_floats(int z, int a, int b);  // vunpckhps z, a, b
  void low_pairs(int z, int a, int b);    // vunpcklpd z, a, b
  void high_pairs(int z, int a, int b);   // vunpckhpd z, a, b
  /// 128 bits of memory for each 128 bits, or for one of them.
  void load_quarter(int z, Pointer base, int64_t offset);                 // vbroadcastf32x4 z, [base + offset]
  void insert_quarter(int z, int quarter, Pointer base, int64_t offset);  // vinsertf32x4 z, z, [base + offset], quarter
  void fetch(Pointer base, int64_t offset);                               // prefetcht1 [base + offset]: to L2
  void fetch_to_write(Pointer base, int64_t offset);                      // prefetchw [base + offset]
  void advance(Pointer pointer, int32_t bytes);                           // add pointer, bytes
  void jump(int64_t to);                                                  // jmp to where code().size() was `to`
  void leave();                                                           // vzeroupper; ret: what follows may have no AVX
  /// Constants between code, from a multiple of 64 bytes on. Where they begin.
  int64_t constants(const std::vector<float>& values);
  [[nodiscard]] const std::vector<uint8_t>& code() const { return code_; }
  [[nodiscard]] int64_t size() const { return static_cast<int64_t>(code_.size()); }
  /// Whether an offset of that unit is encoded in one byte.
  [[nodiscard]] static bool is_short(int64_t offset, int64_t unit) { return offset % unit == 0 && offset / unit >= -128 && offset / unit <= 127; }

 private:
  struct Operation {
    uint8_t map, prefix, opcode;  // 1: 0F, 2: 0F38, 3: 0F3A; 0: none, 1: 66
    bool is_wide = false;         // of 64-bit elements
  };
  /// What is read from memory: 64 bytes, 16, a float, or a float for all elements of an operation.
  enum class Memory { kWhole, kQuarter, kFloat, kBroadcast };
  void evex(Operation operation, int reg, int second, bool is_broadcast, bool has_low_rm, bool has_low_index);
  void with_memory(Operation operation, int reg, int second, Pointer base, int64_t offset, Memory memory);
  void prefetch(uint8_t opcode, int hint, Pointer base, int64_t offset);
  void with_registers(Operation operation, int reg, int second, int third);
  void bytes(std::initializer_list<uint8_t> more) { code_.insert(code_.end(), more); }
  void word(int32_t value);
  std::vector<uint8_t> code_;
};

/// Whether a CPU of this kind can run what Assembler writes, once it has AVX-512.
[[nodiscard]] constexpr bool assembles_for_this_cpu() {
#if defined(__x86_64__) && defined(__linux__)
  return true;
#else
  return false;
#endif
}

/// Code that is ready to run: written once, then executable and no longer writable.
class ExecutableCode {
 public:
  ExecutableCode() = default;
  /// @throws ResourceError where the system gives no such memory.
  explicit ExecutableCode(const std::vector<uint8_t>& code);
  ~ExecutableCode();
  ExecutableCode(ExecutableCode&& other) noexcept : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  ExecutableCode& operator=(ExecutableCode&& other) noexcept {
    std::swap(data_, other.data_), std::swap(bytes_, other.bytes_);
    return *this;
  }
  [[nodiscard]] const uint8_t* at(int64_t offset) const { return data_ + offset; }
  [[nodiscard]] int64_t bytes() const { return bytes_; }

 private:
  uint8_t* data_ = nullptr;
  int64_t bytes_ = 0;
};

}  // namespace scissionlite::kernels
