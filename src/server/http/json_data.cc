#include "server/http/json_data.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/json_filter.h"
#include "protocol/wire_internal.h"
#include "server/call/names.h"
#include "server/http/json_elements.h"

namespace scissionlite::server::http {
namespace {

using Event = Json::parse_event_t;

/// What an input says of its data, before or behind it.
struct Facts {
  std::optional<std::string> name, datatype;
  std::optional<Shape> shape;

  [[nodiscard]] bool are_complete() const { return name && datatype && shape; }
};
using FactsByInput = std::map<size_t, Facts>;

/// Nothing where it is no list of integers, which is refused when all is read.
std::optional<Shape> shape_of(const Json& json) {
  Shape out;
  for (const auto& size : json) {
    if (!size.is_number_integer() || (size.is_number_unsigned() && size.get<uint64_t>() > INT64_MAX)) return std::nullopt;
    out.push_back(size.get<int64_t>());
  }
  return out;
}

/// Whether the model takes that shape.
bool fits(const Shape& given, const TensorInfo& info, int64_t max_batch) {
  if (given.size() != info.shape.size() || (max_batch > 0 && !given.empty() && given[0] > max_batch)) return false;
  return std::equal(given.begin(), given.end(), info.shape.begin(), [](int64_t size, int64_t wanted) { return wanted < 0 || size == wanted; });
}

/// The most that elements written in so much text take up: "0," and `"",` are the shortest.
size_t most_bytes(Dtype dtype, size_t count, size_t text_bytes) {
  if (!has_json_form(dtype)) return 0;
  if (dtype == Dtype::kString) return text_bytes / 3 * 4 + 4;
  return std::min(count, text_bytes / 2 + 1) * dtype_size(dtype);
}

/// Follows the parser to {"inputs": [{"data": [[...]]}]} and takes the elements out.
class Walk {
 public:
  /// @param facts  of the inputs, where they are known beforehand.
  Walk(size_t text_bytes, const ModelInterface& model, GrowingTicket& growth, FactsByInput&& facts)
      : text_bytes_(text_bytes), model_(model), growth_(growth), facts_(std::move(facts)) {}

  bool operator()(int depth, Event event, Json& parsed) {
    if (event == Event::key) {
      on_key(depth, parsed);
      return true;
    }
    if (event == Event::object_start && depth == 2 && in_inputs_) ++input_, key_.clear();
    const bool in_input = in_inputs_ && input_ >= 0 && depth >= 3;
    if (in_input && key_ == "data") return on_data(depth, event, parsed);
    if (in_input && depth == 3) learn(event, parsed);
    if (depth == 1 && event == Event::value && key_ == "id" && parsed.is_string()) id_ = parsed.get<std::string>();
    if (event != Event::object_end && event != Event::array_end) check_value_count(++values_);
    return true;
  }

  [[nodiscard]] bool has_skipped() const { return has_skipped_; }
  [[nodiscard]] FactsByInput& facts() { return facts_; }
  std::map<size_t, std::string> raw;

 private:
  [[nodiscard]] size_t at() const { return static_cast<size_t>(input_); }
  [[nodiscard]] std::string where() const { return "the data of inputs[" + std::to_string(input_) + "]"; }

  void on_key(int depth, const Json& key) {
    if (depth == 1) in_inputs_ = key.get_ref<const std::string&>() == "inputs";
    if (depth == 1 || (depth == 3 && in_inputs_)) key_ = key.get<std::string>();
    if (depth > 3 && in_inputs_ && key_ == "data") throw InvalidArgument(where() + " has an object in it; expected an array of values");
  }

  void learn(Event event, const Json& parsed) {
    auto& facts = facts_[at()];
    const bool is_text = event == Event::value && parsed.is_string();
    if (is_text && key_ == "name") facts.name = parsed.get<std::string>();
    if (is_text && key_ == "datatype") facts.datatype = parsed.get<std::string>();
    if (event == Event::array_end && key_ == "shape") facts.shape = shape_of(parsed);
  }

  bool on_data(int depth, Event event, const Json& parsed) {
    if (event == Event::object_start || (event == Event::value && depth == 3))
      throw InvalidArgument(where() + " is no array; expected an array of values, nested or flat");
    if (depth == 3 && event == Event::array_start) begin_data();
    if (depth == 3 && event == Event::array_end) end_data();
    if (event == Event::array_end && depth > 3) return false;  // else empty arrays would pile up
    if (event != Event::value) return true;
    if (elements_) add(parsed);
    return false;
  }

  /// Without a place for its elements where the input is refused when all is read.
  void begin_data() {
    bytes_ = &raw[at()];
    const auto& facts = facts_[at()];
    if (!facts.are_complete()) return static_cast<void>(has_skipped_ = true);
    const auto info = std::find_if(model_.inputs.begin(), model_.inputs.end(), [&](const TensorInfo& input) { return input.name == *facts.name; });
    const auto count = protocol::checked_count(*facts.shape);
    if (info == model_.inputs.end() || !count) return;
    const auto dtype = dtype_from_oip_name(*facts.datatype);
    const bool may_be_coded = dtype == Dtype::kString;  // images and streams, whatever the model takes
    if (has_json_form(dtype) && dtype != info->dtype && !may_be_coded) refuse_type(*info, *facts.datatype);
    if (!may_be_coded && !fits(*facts.shape, *info, model_.max_batch)) return;
    most_ = static_cast<size_t>(*count);
    elements_.emplace(*bytes_, *facts.datatype, at());
    bytes_->reserve(most_bytes(dtype, most_, text_bytes_));  // which becomes memory as it is filled
  }

  void add(const Json& value) {
    if (elements_->count() == most_) refuse_more();
    elements_->add(value);
    growth_.cover(finished_bytes_ + bytes_->size());
  }

  void end_data() {
    elements_.reset();
    if (bytes_->size() < bytes_->capacity() / 2) bytes_->shrink_to_fit();
    finished_bytes_ += bytes_->size();
  }

  [[noreturn]] void refuse(const std::string& text) const {
    throw Refusal(Code::kInvalidArgument, (id_.empty() ? "" : "[request id: " + printable(id_) + "] ") + text);
  }

  /// As `check_request` says it, and so does what follows.
  [[noreturn]] void refuse_type(const TensorInfo& info, const std::string& given) const {
    refuse("inference input '" + info.name + "' data-type is '" + given + "', but model '" + model_.name + "' expects '" +
           std::string(dtype_oip_name(info.dtype)) + "'");
  }

  [[noreturn]] void refuse_more() {
    const auto name = "input '" + *facts_[at()].name + "'";  // which the model has
    if (elements_->dtype() == Dtype::kString)
      refuse("expected " + std::to_string(most_) + " string elements for inference " + name + ", got " + std::to_string(most_ + 1) + " or more");
    const auto size = dtype_size(elements_->dtype());
    refuse("input byte size mismatch for " + name + " for model '" + model_.name + "'. Expected " + std::to_string(most_ * size) + ", got " +
           std::to_string((most_ + 1) * size) + " or more");
  }

  const size_t text_bytes_;
  const ModelInterface& model_;
  GrowingTicket& growth_;
  FactsByInput facts_;
  bool in_inputs_ = false, has_skipped_ = false;
  int64_t input_ = -1;  // the one that is read
  std::string key_;     // of that input, or of the request
  std::string id_;
  std::string* bytes_ = nullptr;      // of the data that is read
  std::optional<Elements> elements_;  // nothing: it is passed over
  size_t most_ = 0;                   // elements that the input's shape has
  size_t finished_bytes_ = 0;         // of the data of earlier inputs
  int values_ = 0;
};

/// Whether every input that has data says all of it; what else is missing is refused when all is read.
bool could_be_read(FactsByInput& facts, const std::map<size_t, std::string>& raw) {
  bool all = true;
  for (const auto& [input, bytes] : raw) {
    if (!facts[input].datatype) throw InvalidArgument("an input has 'data', but no 'datatype' that is a string");
    all &= facts[input].are_complete();
  }
  return all;
}

}  // namespace

void check_value_count(int values) {
  constexpr int kMostValues = 2'000;  // finding a key among n takes n steps
  if (values > kMostValues)
    throw InvalidArgument("the request has more than " + std::to_string(kMostValues) + " values beside the data of its inputs");
}

ParsedRequest parse_request(std::string_view text, const ModelInterface& model, GrowingTicket& growth) {
  const auto parse = [&](Walk& walk) {
    return parse_json_filtered(text, "the request", [&walk](int depth, Event event, Json& parsed) { return walk(depth, event, parsed); });
  };
  FactsByInput facts;
  {
    Walk walk(text.size(), model, growth, {});
    Json json = parse(walk);
    if (!walk.has_skipped() || !could_be_read(walk.facts(), walk.raw)) return {std::move(json), std::move(walk.raw)};
    facts = std::move(walk.facts());
  }
  Walk again(text.size(), model, growth, std::move(facts));  // with what stood behind the data
  Json json = parse(again);
  return {std::move(json), std::move(again.raw)};
}

}  // namespace scissionlite::server::http
