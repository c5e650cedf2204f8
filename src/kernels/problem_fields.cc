#include "kernels/problem_fields.h"

#include <cctype>

#include "base/error.h"

namespace scissionlite::kernels {
namespace {

constexpr int64_t kMost = 1 << 20;  // of a field

}  // namespace

ProblemFields::ProblemFields(const std::string& text, const std::string& prefix, const std::string& example) : text_(text), example_(example) {
  if (text.compare(0, prefix.size(), prefix) != 0) fail(0, "'" + prefix + "'");
  for (size_t at = prefix.size(); at < text.size();) at = read(at);
}

int64_t ProblemFields::take(const std::string& name, int64_t fallback) {
  const auto it = fields_.find(name);
  if (it == fields_.end()) return fallback;
  const auto value = it->second;
  fields_.erase(it);
  return value;
}

void ProblemFields::finish() const {
  if (!fields_.empty())
    throw InvalidArgument("[kernels] '" + text_ + "' has an unknown field '" + fields_.begin()->first + "'; expected a text such as '" + example_ +
                          "'");
}

void ProblemFields::fail(size_t at, const std::string& expected) const {
  throw InvalidArgument("[kernels] '" + text_ + "', position " + std::to_string(at) + ": expected " + expected + ", as in '" + example_ + "'");
}

size_t ProblemFields::read(size_t at) {
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

}  // namespace scissionlite::kernels
