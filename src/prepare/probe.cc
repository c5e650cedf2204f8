// probe.bin: a known question to the tail and its answer.
#include <bit>
#include <cstring>

#include "base/error.h"
#include "prepare/package.h"

namespace scissionlite {
namespace {

static_assert(std::endian::native == std::endian::little, "probe.bin is little-endian");

constexpr std::string_view kMagic = "SLPROBE1";
constexpr uint32_t kMostTensors = 1024, kLongestName = 4096, kHighestRank = 16;

template <typename T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void put_tensor(std::string& out, const std::string& name, const Tensor& tensor) {
  put(out, static_cast<uint32_t>(name.size()));
  out += name;
  put(out, static_cast<uint32_t>(tensor.dtype()));
  put(out, static_cast<uint32_t>(tensor.shape().size()));
  for (int64_t size : tensor.shape()) put(out, size);
  out.append(reinterpret_cast<const char*>(tensor.data()), tensor.size_bytes());
}

/// Takes values off the front; every step checks what is left.
class Parser {
 public:
  Parser(std::string_view bytes, std::string where) : left_(bytes), where_(std::move(where)) {}
  std::string_view take(size_t size, const std::string& what) {
    if (size > left_.size()) fail("ends within " + what + ": " + std::to_string(size) + " bytes expected, " + std::to_string(left_.size()) + " left");
    const auto part = left_.substr(0, size);
    left_.remove_prefix(size);
    return part;
  }
  template <typename T>
  T number(const std::string& what) {
    T value;
    std::memcpy(&value, take(sizeof(T), what).data(), sizeof(T));
    return value;
  }
  uint32_t number_up_to(uint32_t most, const std::string& what) {
    const auto value = number<uint32_t>(what);
    if (value > most) fail(what + " is " + std::to_string(value) + ", at most " + std::to_string(most) + " is allowed");
    return value;
  }
  [[nodiscard]] size_t left() const { return left_.size(); }
  [[noreturn]] void fail(const std::string& why) const { throw InvalidArgument("[probe] " + where_ + " " + why + "; prepare the package again"); }

 private:
  std::string_view left_;
  std::string where_;
};

std::pair<std::string, Tensor> take_tensor(Parser& in) {
  std::string name(in.take(in.number_up_to(kLongestName, "the length of a name"), "a name"));
  const auto dtype = static_cast<Dtype>(in.number<uint32_t>("a type"));
  if (dtype_size(dtype) == 0) in.fail("has tensor '" + name + "' of unknown type " + std::to_string(static_cast<int>(dtype)));
  Shape shape(in.number_up_to(kHighestRank, "the rank of '" + name + "'"));
  for (auto& size : shape) {
    size = in.number<int64_t>("the shape of '" + name + "'");
    if (size < 0) in.fail("has a negative size in '" + name + "'");
  }
  const auto count = static_cast<uint64_t>(element_count(shape));
  if (count > in.left() / dtype_size(dtype)) in.fail("ends within tensor '" + name + "' of shape " + to_string(shape));
  Tensor tensor(dtype, shape);
  const auto bytes = in.take(tensor.size_bytes(), "tensor '" + name + "'");
  std::memcpy(tensor.mutable_data(), bytes.data(), bytes.size());
  return {std::move(name), std::move(tensor)};
}

}  // namespace

std::string serialize(const ProbeTensors& probe) {
  std::string out(kMagic);
  put(out, static_cast<uint32_t>(probe.inputs.size()));
  put(out, static_cast<uint32_t>(probe.outputs.size()));
  for (const auto* side : {&probe.inputs, &probe.outputs})
    for (const auto& [name, tensor] : *side) put_tensor(out, name, tensor);
  return out;
}

ProbeTensors parse_probe(std::string_view bytes, const std::string& where) {
  Parser in(bytes, where);
  if (bytes.substr(0, kMagic.size()) != kMagic) in.fail("does not begin with '" + std::string(kMagic) + "'");
  (void)in.take(kMagic.size(), "the magic");
  const auto inputs = in.number_up_to(kMostTensors, "the number of inputs");
  const auto outputs = in.number_up_to(kMostTensors, "the number of outputs");
  ProbeTensors probe;
  for (uint32_t i = 0; i < inputs; ++i) probe.inputs.push_back(take_tensor(in));
  for (uint32_t i = 0; i < outputs; ++i) probe.outputs.push_back(take_tensor(in));
  if (in.left() > 0) in.fail("has " + std::to_string(in.left()) + " bytes after its last tensor");
  return probe;
}

}  // namespace scissionlite
