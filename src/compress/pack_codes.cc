#include "compress/pack_codes.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <set>

#include "compress/fresh_names.h"

namespace scissionlite::compress {
namespace {

constexpr int kByte = 8;
constexpr size_t kCodesOfByte = 256;
constexpr int kMostBitsPacked = 7;
constexpr int64_t kLeastSaved = 512;  // bytes: a few nodes take as many

/// How values are bits: two's complement, or `least` and steps from there.
struct Coding {
  int bits = kByte;
  int32_t least = 0, step = 1;
  bool is_twos = false;

  [[nodiscard]] uint32_t bits_of(int32_t value) const { return static_cast<uint32_t>(is_twos ? value : (value - least) / step) & ((1U << bits) - 1); }
  /// What the part `field`, from bit `from` on, adds to the value; the part with the highest bits adds what all have.
  [[nodiscard]] int32_t part(uint32_t field, int from, bool is_highest) const {
    const auto placed = static_cast<int32_t>(field << from);
    if (!is_twos) return step * placed + (is_highest ? least : 0);
    return is_highest && (placed >> (bits - 1)) != 0 ? placed - (1 << bits) : placed;
  }
};

std::vector<int32_t> values_of(const Tensor& tensor) {
  std::vector<int32_t> out(static_cast<size_t>(tensor.size()));
  if (tensor.dtype() == Dtype::kI8) std::copy_n(tensor.as<int8_t>().data(), out.size(), out.data());
  else std::copy_n(tensor.as<uint8_t>().data(), out.size(), out.data());
  return out;
}

int bits_up_to(int32_t most) { return std::max(1, static_cast<int>(std::bit_width(static_cast<uint32_t>(most)))); }

/// With the fewest bits; of such as take as many, two's complement, then unsigned.
Coding coding_of(const std::vector<int32_t>& values) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const int32_t step =
      std::max(1, std::accumulate(values.begin(), values.end(), 0, [&](int32_t divisor, int32_t v) { return std::gcd(divisor, v - *least); }));
  const int bits = bits_up_to((*most - *least) / step);
  if (*least < 0 && *least >= -(1 << (bits - 1)) && *most < 1 << (bits - 1)) return {bits, 0, 1, true};
  if (*least >= 0 && bits_up_to(*most) == bits) return {bits, 0, 1, false};
  return {bits, *least, step, false};
}

class Packer {
 public:
  explicit Packer(Graph& graph) : graph_(graph), fresh_(graph) {}

  int64_t run() {
    std::set<std::string> codes;
    for (const auto& node : graph_.nodes)
      if (node.domain.empty() && node.op_type == "DequantizeLinear" && graph_.initializers.count(node.inputs[0]) > 0) codes.insert(node.inputs[0]);
    for (const auto& info : graph_.outputs) codes.erase(info.name);
    int64_t packed = 0;
    for (const auto& name : codes) packed += pack(name);
    graph_.nodes.insert(graph_.nodes.begin(), nodes_.begin(), nodes_.end());
    return packed;
  }

 private:
  /// The constant of that content: one for all that ask.
  std::string shared(const std::string& wish, const Tensor& value) {
    const std::string content(reinterpret_cast<const char*>(value.data()), value.size_bytes());
    auto& name = shared_[{static_cast<int>(value.dtype()), value.shape(), content}];
    if (name.empty()) graph_.initializers[name = fresh_(wish)] = value;
    return name;
  }
  std::string numbers(const std::string& wish, const std::vector<int64_t>& values) {
    return shared(wish, Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, std::span<const int64_t>(values)));
  }
  std::string add(const char* op, const std::vector<std::string>& inputs, const std::string& output,
                  std::map<std::string, Attribute> attributes = {}) {
    nodes_.push_back({"", op, "", inputs, {output}, std::move(attributes), ""});
    return output;
  }

  bool pack(const std::string& name) {
    const Tensor codes = graph_.initializers.at(name);
    if ((codes.dtype() != Dtype::kI8 && codes.dtype() != Dtype::kU8) || codes.size() == 0) return false;
    const auto values = values_of(codes);
    const auto coding = coding_of(values);
    if (coding.bits > kMostBitsPacked || codes.size() * (kByte - coding.bits) / kByte < kLeastSaved) return false;
    graph_.initializers.erase(name);
    const bool is_one = std::has_single_bit(static_cast<unsigned>(coding.bits));
    std::string sum;
    for (int from = 0; from < coding.bits;) {
      const int width = static_cast<int>(std::bit_floor(static_cast<unsigned>(coding.bits - from)));
      const auto part = unpacked(name, codes, values, coding, from, width, is_one ? name : fresh_(name + "_part"));
      from += width;
      sum = sum.empty() ? part : add("Add", {sum, part}, fresh_(name + "_sum"));
    }
    if (!is_one) add("Cast", {sum}, name, {{"to", static_cast<int64_t>(codes.dtype())}});
    return true;
  }

  /// Bits from `from` on of all values, as what they add to the value: of the codes' type where they are all of it, else int32.
  std::string unpacked(const std::string& name, const Tensor& codes, const std::vector<int32_t>& values, const Coding& coding, int from, int width,
                       const std::string& output) {
    const int64_t of_byte = kByte / width, count = codes.size(), bytes = (count + of_byte - 1) / of_byte;
    Tensor packed(Dtype::kU8, {bytes});
    auto* to = packed.mutable_as<uint8_t>().data();
    std::fill_n(to, bytes, uint8_t{0});
    const uint32_t mask = (1U << width) - 1;
    for (int64_t i = 0; i < count; ++i)
      to[i / of_byte] =
          static_cast<uint8_t>(to[i / of_byte] | ((coding.bits_of(values[static_cast<size_t>(i)]) >> from) & mask) << (i % of_byte * width));
    const auto held = fresh_(name + "_packed");
    graph_.initializers[held] = packed;
    const auto table =
        shared("table_" + std::to_string(width) + "bit", table_of(coding, from, width, width == coding.bits ? codes.dtype() : Dtype::kI32));
    auto found =
        add("Gather", {table, add("Cast", {held}, fresh_(name + "_index"), {{"to", static_cast<int64_t>(Dtype::kI32)}})}, fresh_(name + "_values"));
    if (bytes * of_byte != count)
      found = add("Slice", {add("Reshape", {found, numbers("flat", {-1})}, fresh_(name + "_flat")), numbers("none", {0}), numbers("count", {count})},
                  fresh_(name + "_cut"));
    return add("Reshape", {found, numbers("shape", codes.shape())}, output);
  }

  /// (256, values of a byte).
  static Tensor table_of(const Coding& coding, int from, int width, Dtype dtype) {
    const size_t of_byte = static_cast<size_t>(kByte / width);
    Tensor table(dtype, {static_cast<int64_t>(kCodesOfByte), static_cast<int64_t>(of_byte)});
    for (size_t i = 0; i < kCodesOfByte * of_byte; ++i) {
      const auto field = static_cast<uint32_t>(i / of_byte >> (i % of_byte * static_cast<size_t>(width))) & ((1U << width) - 1);
      const int32_t value = coding.part(field, from, from + width == coding.bits);
      if (dtype == Dtype::kI8) table.mutable_as<int8_t>()[i] = static_cast<int8_t>(value);
      else if (dtype == Dtype::kU8) table.mutable_as<uint8_t>()[i] = static_cast<uint8_t>(value);
      else table.mutable_as<int32_t>()[i] = value;
    }
    return table;
  }

  Graph& graph_;
  FreshNames fresh_;
  std::vector<Node> nodes_;
  std::map<std::tuple<int, Shape, std::string>, std::string> shared_;
};

}  // namespace

int64_t pack_codes(Graph& graph) { return Packer(graph).run(); }

}  // namespace scissionlite::compress
