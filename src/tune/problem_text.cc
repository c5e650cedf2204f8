#include <cctype>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "tune/conv_space.h"

namespace scissionlite::tune {
namespace {

constexpr int64_t kMost = 1 << 20;  // of a field

/// "ic64ih56" as names and values.
class Fields {
 public:
  explicit Fields(const std::string& text) : text_(text) {
    if (text.compare(0, 5, "conv ") != 0) fail(0, "'conv '");
    for (size_t at = 5; at < text.size();) at = read(at);
  }
  /// Removes it. `fallback` where it was not given.
  int64_t take(const std::string& name, int64_t fallback) {
    const auto it = fields_.find(name);
    if (it == fields_.end()) return fallback;
    const auto value = it->second;
    fields_.erase(it);
    return value;
  }
  void finish() const {
    if (!fields_.empty()) throw InvalidArgument("[tune] '" + text_ + "' has an unknown field '" + fields_.begin()->first + "'; expected a text such as 'conv mb1ic64ih56iw56oc64kh3kw3sh1sw1ph1pw1g1'");
  }

 private:
  [[noreturn]] void fail(size_t at, const std::string& expected) const {
    throw InvalidArgument("[tune] '" + text_ + "', position " + std::to_string(at) + ": expected " + expected + ", as in 'conv mb1ic64ih56iw56oc64kh3kw3sh1sw1ph1pw1g1'");
  }
  size_t read(size_t at) {
    const size_t name_at = at;
    while (at < text_.size() && std::islower(static_cast<unsigned char>(text_[at]))) ++at;
    const auto name = text_.substr(name_at, at - name_at);
    if (name.empty() || fields_.count(name)) fail(name_at, "the name of a field that is not there yet");
    const size_t value_at = at;
    int64_t value = 0;
    for (; at < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at])) && value < kMost; ++at) value = value * 10 + (text_[at] - '0');
    if (at == value_at || value >= kMost) fail(value_at, "a number below " + std::to_string(kMost));
    fields_[name] = value;
    return at;
  }
  std::string text_;
  std::map<std::string, int64_t> fields_;
};

void check(const kernels::ConvProblem& p, const std::string& text) {
  const bool is_positive = p.n > 0 && p.c > 0 && p.h > 0 && p.w > 0 && p.k > 0 && p.kernel_h > 0 && p.kernel_w > 0 && p.stride_h > 0 && p.stride_w > 0 && p.dilation_h > 0 && p.dilation_w > 0 && p.groups > 0;
  if (!is_positive || p.c % p.groups || p.k % p.groups || p.h + p.top + p.bottom < (p.kernel_h - 1) * p.dilation_h + 1 || p.w + p.left + p.right < (p.kernel_w - 1) * p.dilation_w + 1)
    throw InvalidArgument("[tune] '" + text + "' is no convolution: expected sizes from 1 on, channels that the groups divide, and an image that holds the kernel");
}

}  // namespace

kernels::ConvProblem parse_problem(const std::string& text) {
  Fields fields(text);
  kernels::ConvProblem p;
  p.n = fields.take("mb", 1);
  p.c = fields.take("ic", 1), p.h = fields.take("ih", 1), p.w = fields.take("iw", p.h), p.k = fields.take("oc", 1);
  p.kernel_h = fields.take("kh", 1), p.kernel_w = fields.take("kw", p.kernel_h);
  p.stride_h = fields.take("sh", 1), p.stride_w = fields.take("sw", p.stride_h);
  p.dilation_h = fields.take("dh", 1), p.dilation_w = fields.take("dw", p.dilation_h);
  const int64_t vertical = fields.take("ph", 0), horizontal = fields.take("pw", vertical);
  p.top = fields.take("pt", vertical), p.left = fields.take("pl", horizontal), p.bottom = fields.take("pb", vertical), p.right = fields.take("pr", horizontal);
  p.groups = fields.take("g", 1);
  fields.finish();
  check(p, text);
  return p;
}

kernels::Knobs parse_knobs(const std::string& text) {
  kernels::Knobs knobs;
  for (const auto& word : split(text, ' ')) {
    const auto at = word.find('=');
    size_t used = 0;
    try {
      if (at != std::string::npos) knobs[word.substr(0, at)] = std::stoll(word.substr(at + 1), &used);
    } catch (const std::exception&) {
      used = 0;
    }
    if (used == 0 || used != word.size() - at - 1) throw InvalidArgument("[tune] '" + word + "' is no knob; expected \"algorithm=0 tile_x=6 ...\"");
  }
  return knobs;
}

}  // namespace scissionlite::tune
