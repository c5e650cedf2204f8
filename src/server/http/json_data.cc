#include "server/http/json_data.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/json_filter.h"
#include "server/call/names.h"

namespace scissionlite::server::http {
namespace {

constexpr int kMostValues = 2'000;  // finding a key among n takes n steps
using Event = Json::parse_event_t;

template <typename T>
void append(std::string& raw, T value) {
  raw.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// One element after the other, as the datatype's bytes.
class Elements {
 public:
  Elements(std::string& raw, Dtype dtype, const std::string& datatype, size_t input) : raw_(raw), dtype_(dtype), datatype_(datatype), input_(input) {}

  void add(const Json& value, size_t index) {
    switch (dtype_) {
      case Dtype::kBool: return add_flag(value, index);
      case Dtype::kU8: return add_integer<uint8_t>(value, index);
      case Dtype::kU16: return add_integer<uint16_t>(value, index);
      case Dtype::kU32: return add_integer<uint32_t>(value, index);
      case Dtype::kU64: return add_integer<uint64_t>(value, index);
      case Dtype::kI8: return add_integer<int8_t>(value, index);
      case Dtype::kI16: return add_integer<int16_t>(value, index);
      case Dtype::kI32: return add_integer<int32_t>(value, index);
      case Dtype::kI64: return add_integer<int64_t>(value, index);
      case Dtype::kF32: return add_number<float>(value, index);
      case Dtype::kF64: return add_number<double>(value, index);
      case Dtype::kString: return add_text(value, index);
      default: break;
    }
    throw InvalidArgument("inputs[" + std::to_string(input_) + "] has datatype '" + printable(datatype_) +
                          "', which has no form in JSON; send it as binary data");
  }

 private:
  [[noreturn]] void refuse(const Json& value, size_t index, const std::string& expected) const {
    throw InvalidArgument("element " + std::to_string(index) + " of the data of inputs[" + std::to_string(input_) + "] is " +
                          printable(value.dump(-1, ' ', false, Json::error_handler_t::replace)) + ", expected " + expected + " for " + datatype_);
  }
  void add_flag(const Json& value, size_t index) {
    if (value.is_boolean()) return append<uint8_t>(raw_, value.get<bool>() ? 1 : 0);
    if (!value.is_number_unsigned() || value.get<uint64_t>() > 1) refuse(value, index, "true, false, 0 or 1");
    append<uint8_t>(raw_, static_cast<uint8_t>(value.get<uint64_t>()));
  }
  template <typename T>
  void add_integer(const Json& value, size_t index) {
    if (!value.is_number_integer()) refuse(value, index, "an integer");
    const bool fits = value.is_number_unsigned() ? std::in_range<T>(value.get<uint64_t>()) : std::in_range<T>(value.get<int64_t>());
    if (!fits) refuse(value, index, std::to_string(std::numeric_limits<T>::min()) + ".." + std::to_string(std::numeric_limits<T>::max()));
    append(raw_, static_cast<T>(value.is_number_unsigned() ? static_cast<T>(value.get<uint64_t>()) : static_cast<T>(value.get<int64_t>())));
  }
  template <typename T>
  void add_number(const Json& value, size_t index) {
    if (!value.is_number()) refuse(value, index, "a number");
    const auto number = value.get<double>();
    constexpr double kLargest = std::numeric_limits<T>::max();
    constexpr double kRounded =
        sizeof(T) < sizeof(double) ? kLargest * (1 + 0x1p-25) : kLargest;  // a shortest spelling of the largest float is a little above it
    if (std::abs(number) >= kRounded && std::abs(number) > kLargest) refuse(value, index, "a number within its range");
    append(raw_, static_cast<T>(std::clamp(number, -kLargest, kLargest)));
  }
  void add_text(const Json& value, size_t index) {
    if (!value.is_string()) refuse(value, index, "a string");
    const auto& text = value.get_ref<const std::string&>();
    if (text.size() > std::numeric_limits<uint32_t>::max()) refuse(value, index, "less than 4 GiB");
    append(raw_, static_cast<uint32_t>(text.size()));
    raw_ += text;
  }

  std::string& raw_;
  Dtype dtype_;
  const std::string& datatype_;
  size_t input_;
};

/// Follows the parser to {"inputs": [{"data": [[...]]}]} and takes the elements out.
class Walk {
 public:
  /// @param datatypes  of the inputs, where they are known beforehand.
  explicit Walk(std::map<size_t, std::string> datatypes) : datatypes_(std::move(datatypes)) {}

  bool operator()(int depth, Event event, Json& parsed) {
    if (event == Event::key) {
      on_key(depth, parsed);
      return true;
    }
    if (event == Event::object_start && depth == 2 && in_inputs_) ++input_, key_.clear(), count_ = 0;
    const bool in_data = in_inputs_ && input_ >= 0 && key_ == "data" && depth >= 3;
    if (in_data) return on_data(depth, event, parsed);
    if (event == Event::value && depth == 3 && in_inputs_ && input_ >= 0 && key_ == "datatype" && parsed.is_string())
      datatypes_[at()] = parsed.get<std::string>();
    if (event != Event::object_end && event != Event::array_end && ++values_ > kMostValues)
      throw InvalidArgument("the request has more than " + std::to_string(kMostValues) + " values beside the data of its inputs");
    return true;
  }

  [[nodiscard]] bool has_skipped() const { return has_skipped_; }
  [[nodiscard]] const std::map<size_t, std::string>& datatypes() const { return datatypes_; }
  std::map<size_t, std::string> raw;

 private:
  [[nodiscard]] size_t at() const { return static_cast<size_t>(input_); }

  void on_key(int depth, const Json& key) {
    if (depth == 1) in_inputs_ = key.get_ref<const std::string&>() == "inputs";
    if (depth == 3 && in_inputs_) key_ = key.get<std::string>();
    if (depth > 3 && in_inputs_ && key_ == "data")
      throw InvalidArgument("the data of inputs[" + std::to_string(input_) + "] has an object in it; expected an array of values");
  }

  bool on_data(int depth, Event event, const Json& parsed) {
    if (depth == 3 && event == Event::array_start) raw[at()];
    if (event == Event::object_start || (event == Event::value && depth == 3))
      throw InvalidArgument("the data of inputs[" + std::to_string(input_) + "] is no array; expected an array of values, nested or flat");
    if (event == Event::array_end && depth > 3) return false;  // else empty arrays would pile up
    if (event != Event::value) return true;
    const auto datatype = datatypes_.find(at());
    if (datatype == datatypes_.end()) has_skipped_ = true;  // the key "datatype" comes later
    else Elements(raw[at()], dtype_from_oip_name(datatype->second), datatype->second, at()).add(parsed, count_);
    ++count_;
    return false;
  }

  std::map<size_t, std::string> datatypes_;
  bool in_inputs_ = false, has_skipped_ = false;
  int64_t input_ = -1;  // the one that is read
  std::string key_;     // of that input
  size_t count_ = 0;    // elements of its data so far
  int values_ = 0;
};

}  // namespace

ParsedRequest parse_request(std::string_view text) {
  const auto parse = [&](Walk& walk) {
    return parse_json_filtered(text, "the request", [&walk](int depth, Event event, Json& parsed) { return walk(depth, event, parsed); });
  };
  Walk walk({});
  Json json = parse(walk);
  if (!walk.has_skipped()) return {std::move(json), std::move(walk.raw)};
  Walk again(walk.datatypes());
  json = parse(again);
  if (again.has_skipped()) throw InvalidArgument("an input has 'data', but no 'datatype' that is a string");
  return {std::move(json), std::move(again.raw)};
}

}  // namespace scissionlite::server::http
