#include "transfer/transfer.h"

#include <charconv>

#include "base/text.h"
#include "transfer/families.h"

namespace scissionlite::transfer {
namespace {

struct Row {
  const char *prefix, *usage, *summary;
  Maker maker;
};
constexpr Row kFamilies[] = {
#define SCISSIONLITE_TRANSFER(prefix, usage, summary, maker) {prefix, usage, summary, maker},
#include "transfer/transfer.inc"
#undef SCISSIONLITE_TRANSFER
};

/// "klt" of "klt-s2-c64-b4", "fp32" of "fp32", "uint" of "uint4": what stands before the parameters, with or without a number.
bool begins(const std::string& spec, const std::string& prefix) {
  const auto word = spec.substr(0, spec.find('-'));
  return word == prefix || (word.find_last_not_of("0123456789") + 1 == prefix.size() && word.starts_with(prefix));
}

const Row* find_row(const std::string& spec) {
  for (const auto& row : kFamilies)
    if (begins(spec, row.prefix)) return &row;
  return nullptr;
}

}  // namespace

std::unique_ptr<TransferLayer> make(const std::string& spec) {
  if (const auto* row = find_row(spec)) return row->maker(spec);
  std::vector<std::string> names;
  for (const auto& row : kFamilies) names.emplace_back(row.usage);
  throw InvalidArgument("[transfer] unknown transfer layer '" + spec + "'; known: " + scissionlite::join(names));
}

std::vector<Family> families() {
  std::vector<Family> out;
  for (const auto& row : kFamilies) out.push_back({row.prefix, row.usage, row.summary});
  return out;
}

void bad_spec(const std::string& spec, const std::string& what) {
  const auto* row = find_row(spec);
  throw InvalidArgument("[transfer '" + spec + "'] " + what + "; expected " + (row ? row->usage : "a family name"));
}

std::map<char, int64_t> spec_parameters(const std::string& spec) {
  std::map<char, int64_t> out;
  const auto parts = scissionlite::split(spec, '-');
  for (size_t i = 1; i < parts.size(); ++i) {
    int64_t value = 0;
    const char *first = parts[i].data() + 1, *last = parts[i].data() + parts[i].size();
    if (parts[i].size() < 2 || std::from_chars(first, last, value).ptr != last || value < 1)
      bad_spec(spec, "'" + parts[i] + "' is not a letter and a positive number");
    if (!out.emplace(parts[i][0], value).second) bad_spec(spec, std::string("'") + parts[i][0] + "' is given twice");
  }
  return out;
}

Support supports_float(const ValueInfo& tensor, size_t rank) {
  const auto dtype = tensor.dtype;
  if (dtype != Dtype::kF32 && dtype != Dtype::kF16 && dtype != Dtype::kF64)
    return {false, "needs float16, float32 or float64, '" + tensor.name + "' is " + std::string(dtype_name(dtype))};
  if (!tensor.has_shape) return {false, "needs a known shape, that of '" + tensor.name + "' is not"};
  if (tensor.shape.size() < rank)
    return {false, "needs " + std::to_string(rank) + " dimensions, '" + tensor.name + "' is " + to_string(tensor.shape)};
  for (size_t i = 0; i < tensor.shape.size(); ++i)
    if (tensor.shape[i] < 1 && i > 0) return {false, "needs known sizes, '" + tensor.name + "' is " + to_string(tensor.shape)};
  if (tensor.shape[0] > 1) return {false, "needs the batch as first dimension, '" + tensor.name + "' is " + to_string(tensor.shape)};
  return {};
}

Shape batched(const ValueInfo& tensor) {
  Shape shape = tensor.shape;
  if (!shape.empty() && shape[0] == 1) shape[0] = -1;
  return shape;
}

int64_t elements_of_image(const ValueInfo& tensor) {
  Shape one = tensor.shape;
  one[0] = 1;
  return element_count(one);
}

int64_t wire_bytes(const std::vector<ValueInfo>& outputs) {
  int64_t bytes = 0;
  for (const auto& info : outputs) {
    Shape one = info.shape;
    if (!one.empty() && one[0] < 0) one[0] = 1;
    bytes += element_count(one) * static_cast<int64_t>(dtype_size(info.dtype));
  }
  return bytes;
}

std::vector<std::string> default_specs(const ValueInfo& tensor) {
  if (tensor.dtype == Dtype::kU8) return {"fp32", "codes4", "codes2", "codes1"};
  std::vector<std::string> out{"fp32", "fp16", "uint8", "uint4", "pool"};
  if (!supports_float(tensor, 4).ok || tensor.shape.size() != 4) return out;
  constexpr int64_t kLargestPatch = 1024;  // the eigenvectors of that many dimensions take about a second
  const int64_t channels = tensor.shape[1], height = tensor.shape[2], width = tensor.shape[3];
  const int64_t stride = channels * 4 <= kLargestPatch && height > 1 && width > 1 ? 2 : 1;
  const int64_t dims = channels * stride * stride;
  const int64_t positions = ((height + stride - 1) / stride) * ((width + stride - 1) / stride);
  if (dims > kLargestPatch || dims < 8) return out;
  const std::string prefix = "klt-s" + std::to_string(stride);
  for (const auto* bits : {"-b8", "-b4"}) out.push_back(prefix + "-c" + std::to_string(dims / 2) + bits);
  for (const int64_t share : {4, 8}) out.push_back(prefix + "-r" + std::to_string(positions * (dims / share)));
  return out;
}

}  // namespace scissionlite::transfer
