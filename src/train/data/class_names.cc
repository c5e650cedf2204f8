#include "train/data/class_names.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace scissionlite::train {
namespace {

constexpr int64_t kFirstWord = int64_t{1} << 62;  // beyond any number that is a class
constexpr size_t kMostListed = 30;

std::map<int64_t, int64_t> count_of(const std::vector<int64_t>& labels) {
  std::map<int64_t, int64_t> out;
  for (const auto label : labels)
    if (label >= 0) ++out[label];
  return out;
}

/// The first ones, and how many more there are.
std::string some(std::vector<std::string> texts) {
  const size_t all = texts.size();
  if (all > kMostListed) texts.resize(kMostListed), texts.push_back("and " + std::to_string(all - kMostListed) + " more");
  return join(texts);
}

}  // namespace

ClassNames::ClassNames(const vision::InputSpec& input)
    : labels_(input.labels),
      offset_(input.labels.empty() ? 0 : input.label_offset),
      has_limit_(!labels_.empty() && labels_ != std::vector<std::string>{"negative", "positive"}) {}

int64_t ClassNames::of(const std::string& label, const std::string& where) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(label.data(), label.data() + label.size(), number);
  if (error == std::errc() && end == label.data() + label.size() && number < kFirstWord) {
    if (number < 0) throw InvalidArgument("[labels] " + where + ": class " + label + " is negative; labels are 0 or more");
    if (has_limit_ && number + offset_ >= static_cast<int64_t>(labels_.size()))
      throw InvalidArgument(
          "[labels] " + where + ": class " + label + " is beyond the " + std::to_string(labels_.size()) + " labels of input.json (0 to " +
          std::to_string(static_cast<int64_t>(labels_.size()) - 1 - offset_) +
          "); where the images have other classes than the model that is begun with, give an input.json with their labels, or without any, by --input");
    return number + offset_;
  }
  if (const auto it = std::find(labels_.begin(), labels_.end(), label); it != labels_.end()) return it - labels_.begin();
  const auto it = std::find(words_.begin(), words_.end(), label);
  if (it == words_.end()) return words_.push_back(label), kFirstWord + static_cast<int64_t>(words_.size()) - 1;
  return kFirstWord + (it - words_.begin());
}

std::string ClassNames::name(int64_t of) const {
  if (of >= kFirstWord) return words_.at(static_cast<size_t>(of - kFirstWord));
  const auto number = std::to_string(of - offset_);
  return has_limit_ ? number + " (" + labels_.at(static_cast<size_t>(of)) + ")" : number;
}

std::string PositiveClasses::reduce(std::vector<int64_t>& learned_from, std::vector<int64_t>& held_out, bool others_have_images) {
  are_positive_.clear();
  const auto counts = count_of(learned_from), held_out_counts = count_of(held_out);
  for (const auto& one : positive_) are_positive_.push_back(names_.of(one, "--positive"));
  const bool teaches = std::any_of(are_positive_.begin(), are_positive_.end(), [&](int64_t label) { return counts.count(label) > 0; });
  for (const auto label : are_positive_) {
    if (counts.count(label) > 0 || (others_have_images && held_out_counts.count(label) > 0)) continue;
    if (teaches && held_out_counts.count(label) > 0) {  // a rare one, of which these are a sample
      log::warning("[train] no image to learn from has the positive class " + names_.name(label) + ", only " +
                   std::to_string(held_out_counts.at(label)) + " held out have it");
      continue;
    }
    std::vector<std::string> known;
    for (const auto& [other, count] : counts) known.push_back(names_.name(other));
    const auto message = "[train] no image has the positive class " + names_.name(label) + "; there are " + some(known);
    if (!others_have_images) throw InvalidArgument(message + "; name those that are positive with --positive");
    log::warning(message + ", here and held out; if no other member has it either, --positive is wrong");
  }
  auto out = "learned from: " + told(counts) + "; held out: " + told(held_out_counts);
  for (auto* labels : {&learned_from, &held_out})
    for (auto& label : *labels)
      if (label >= 0) label = std::count(are_positive_.begin(), are_positive_.end(), label) > 0 ? 1 : 0;
  return out;
}

std::string PositiveClasses::listed(const Counts& counts, bool wanted) const {
  std::vector<std::string> texts;
  int64_t all = 0;
  for (const auto& [label, count] : counts)
    if ((std::count(are_positive_.begin(), are_positive_.end(), label) > 0) == wanted)
      texts.push_back(names_.name(label) + ": " + std::to_string(count)), all += count;
  return std::to_string(all) + (wanted ? " positive" : " negative") + (texts.empty() ? "" : " (" + some(texts) + ")");
}

std::string PositiveClasses::told(const Counts& counts) const { return listed(counts, false) + ", " + listed(counts, true); }

}  // namespace scissionlite::train
