#include <algorithm>

#include "base/text.h"
#include "report/markup.h"
#include "report/view.h"

namespace scissionlite::report {
namespace {

std::string codec_label(const std::string& codec) {
  const auto parts = split(codec, '-');
  if (codec == "file") return "the source file";
  if (codec == "raw") return "raw pixels";
  if (codec == "tensor") return "the input tensor";
  if (codec == "png") return "PNG";
  std::string name = parts[0];
  if (name == "jpeg") name = "JPEG";
  if (name == "webp") name = "WebP";
  for (size_t i = 1; i < parts.size(); ++i) name += " " + (parts[i] == "420" ? "4:2:0" : parts[i] == "444" ? "4:4:4" : parts[i]);
  return name;
}

std::string link_label(const std::string& key) {
  const auto parts = split(key, '/');
  if (key == "local") return "Local only";
  if (parts.size() == 2 && parts[0] == "edge") return "Edge only, " + codec_label(parts[1]);
  if (parts.size() == 3 && parts[0] == "split") return "Split at " + parts[1] + ", " + parts[2];
  return key;
}

}  // namespace

std::string label_of(const std::string& key) {
  std::vector<std::string> labels;
  for (const auto& part : split(key, '|')) labels.push_back(link_label(part));
  return join(labels, ", then ");
}

std::string interval_words(const Agreement& agreement) {
  if (!agreement.is_known()) return "not measured";
  if (agreement.n <= 0) return "by construction";
  return "n = " + std::to_string(agreement.n) + ", " + format_fixed(agreement.interval.low * 100, 1) + "\u2013" + percent(agreement.interval.high);
}

Agreement agreement_of(const PlannedCandidate& candidate) {
  return {.share = candidate.agreement, .interval = candidate.agreement_interval, .n = candidate.agreement_n};
}

}  // namespace scissionlite::report
