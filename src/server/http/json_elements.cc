#include "server/http/json_elements.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"
#include "server/call/names.h"

namespace scissionlite::server::http {
namespace {

template <typename T>
void append_bytes(std::string& raw, T value) {
  raw.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

bool has_json_form(Dtype dtype) { return dtype != Dtype::kUndefined && dtype != Dtype::kF16 && dtype != Dtype::kBF16; }

Elements::Elements(std::string& raw, std::string datatype, size_t input)
    : raw_(raw), datatype_(std::move(datatype)), dtype_(dtype_from_oip_name(datatype_)), input_(input) {}

void Elements::add(const Json& value) {
  append(value);
  ++count_;
}

void Elements::append(const Json& value) {
  switch (dtype_) {
    case Dtype::kBool: return append_flag(value);
    case Dtype::kU8: return append_integer<uint8_t>(value);
    case Dtype::kU16: return append_integer<uint16_t>(value);
    case Dtype::kU32: return append_integer<uint32_t>(value);
    case Dtype::kU64: return append_integer<uint64_t>(value);
    case Dtype::kI8: return append_integer<int8_t>(value);
    case Dtype::kI16: return append_integer<int16_t>(value);
    case Dtype::kI32: return append_integer<int32_t>(value);
    case Dtype::kI64: return append_integer<int64_t>(value);
    case Dtype::kF32: return append_number<float>(value);
    case Dtype::kF64: return append_number<double>(value);
    case Dtype::kString: return append_text(value);
    default: break;
  }
  throw InvalidArgument("inputs[" + std::to_string(input_) + "] has datatype '" + printable(datatype_) +
                        "', which has no form in JSON; send it as binary data");
}

void Elements::refuse(const Json& value, const std::string& expected) const {
  throw InvalidArgument("element " + std::to_string(count_) + " of the data of inputs[" + std::to_string(input_) + "] is " +
                        printable(value.dump(-1, ' ', false, Json::error_handler_t::replace)) + ", expected " + expected + " for " + datatype_);
}

void Elements::append_flag(const Json& value) {
  if (value.is_boolean()) return append_bytes<uint8_t>(raw_, value.get<bool>() ? 1 : 0);
  if (!value.is_number_unsigned() || value.get<uint64_t>() > 1) refuse(value, "true, false, 0 or 1");
  append_bytes<uint8_t>(raw_, static_cast<uint8_t>(value.get<uint64_t>()));
}

template <typename T>
void Elements::append_integer(const Json& value) {
  if (!value.is_number_integer()) refuse(value, "an integer");
  const bool fits = value.is_number_unsigned() ? std::in_range<T>(value.get<uint64_t>()) : std::in_range<T>(value.get<int64_t>());
  if (!fits) refuse(value, std::to_string(std::numeric_limits<T>::min()) + ".." + std::to_string(std::numeric_limits<T>::max()));
  append_bytes(raw_, static_cast<T>(value.is_number_unsigned() ? static_cast<T>(value.get<uint64_t>()) : static_cast<T>(value.get<int64_t>())));
}

template <typename T>
void Elements::append_number(const Json& value) {
  if (!value.is_number()) refuse(value, "a number");
  const auto number = value.get<double>();
  constexpr double kLargest = std::numeric_limits<T>::max();
  constexpr double kRounded =
      sizeof(T) < sizeof(double) ? kLargest * (1 + 0x1p-25) : kLargest;  // a shortest spelling of the largest float is a little above it
  if (std::abs(number) >= kRounded && std::abs(number) > kLargest) refuse(value, "a number within its range");
  append_bytes(raw_, static_cast<T>(std::clamp(number, -kLargest, kLargest)));
}

void Elements::append_text(const Json& value) {
  if (!value.is_string()) refuse(value, "a string");
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() > std::numeric_limits<uint32_t>::max()) refuse(value, "less than 4 GiB");
  append_bytes(raw_, static_cast<uint32_t>(text.size()));
  raw_ += text;
}

}  // namespace scissionlite::server::http
