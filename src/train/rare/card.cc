#include "train/rare/card.h"

#include "base/file.h"
#include "base/text.h"
#include "base/version.h"

namespace scissionlite::train {
namespace {

constexpr size_t kMostNames = 200;

std::string share(double value, int decimals = 2) { return format_fixed(100 * value, decimals) + " %"; }

std::string numbers(const std::vector<int64_t>& values) {
  std::vector<std::string> out;
  for (const auto value : values) out.push_back(std::to_string(value));
  return join(out);
}

/// A text in a table's cell.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '|' ? "\\|" : c == '\n' ? std::string(" ") : std::string(1, c);
  return out;
}

/// Under their own heading: there may be many.
std::string kept(const RareJob& job, const RareReport& report) {
  if (job.keep_positives <= 0) return "";
  Sha256 hash;
  std::string out;
  for (size_t i = 0; i < report.kept_positives.size(); ++i) {
    hash.update(report.kept_positives[i] + "\n");
    if (i < kMostNames) out += "- " + report.kept_positives[i] + "\n";
  }
  if (report.kept_positives.size() > kMostNames) out += "- and " + std::to_string(report.kept_positives.size() - kMostNames) + " more\n";
  return "\n### Positives that were kept\n" + std::to_string(report.kept_positives.size()) +
         (job.own_images ? " of the member that wrote this card" : "") + ", so that they are " + share(job.keep_positives, 3) +
         " of its images (--keep-positives, seed " + std::to_string(job.train.trainer.seed) + "); SHA-256 of their names, one a line: `" +
         hash.hex() + "`\n\n" + out;
}

std::string data_rows(const RareJob& job, const RareReport& report, const Json& identity) {
  int64_t positives = 0;
  for (const auto count : report.positives) positives += count;
  const auto hash = [&](const char* key) {
    return identity.contains(key) ? "`" + identity.at(key).get<std::string>() + "`" : std::string("each member's own");
  };
  std::string out = "| | |\n| --- | --- |\n";
  const auto row = [&](const std::string& what, const std::string& value) { out += "| " + what + " | " + value + " |\n"; };
  row("learned from", std::to_string(report.training.images) + " images, " + std::to_string(positives) + " positive (" +
                          share(static_cast<double>(positives) / static_cast<double>(std::max<int64_t>(1, report.training.images)), 3) + ")");
  if (job.own_images)
    for (size_t rank = 0; rank < report.images_sha256.size(); ++rank)
      row("hash of member " + std::to_string(rank) + "'s images", "`" + report.images_sha256[rank] + "`");
  else row("hash of these images", hash("images"));
  row("measured on", std::to_string(report.training.held_out) + " held-out images");
  row("hash of those", hash("held_out"));
  row("positive", "classes " + cell(join(job.positive)) + " of the labels");
  row(job.own_images ? "classes of the images of the member that wrote this card" : "classes of the images given", cell(report.classes));
  row("positive in each batch (p)", share(report.positive_rate));
  row("left out", std::to_string(report.training.unreadable) + " files that are no images");
  row("members",
      std::to_string(report.images.size()) + ", with " + numbers(report.images) + " images and " + numbers(report.positives) + " positives");
  row("model that it began with", "`" + identity.at("model").get<std::string>() + "`");
  return out;
}

std::string history(const RareReport& report) {
  std::string out = "| stage | step | averages | learning rate | loss | held-out AUC | 95 % |\n| ---: | ---: | ---: | ---: | ---: | ---: | --- |\n";
  for (const auto& one : report.measures)
    out += "| " + std::to_string(one.stage) + " | " + std::to_string(one.step) + " | " + std::to_string(one.rounds) + " | " +
           format_fixed(one.rate, 6) + " | " + format_fixed(one.loss, 4) + " | " + format_fixed(one.auc.value, 4) + " | " +
           format_fixed(one.auc.low, 4) + " to " + format_fixed(one.auc.high, 4) + " |\n";
  return out;
}

}  // namespace

std::string card_of(const RareJob& job, const RareReport& report, const Json& identity) {
  const auto& at = report.operation;
  std::string out = "# " + job.train.output.filename().string() + "\n\nFinds positive images among negative ones. Trained for " +
                    (job.objective == "auc" ? "AUC" : job.objective) + " by ScissionLite " + kVersion + ".\n\n## Data\n" +
                    data_rows(job, report, identity) + kept(job, report) + "\n## How well it does\n";
  out += "Positive from a share of " + format_fixed(at.threshold, 4) + " on: finds " + share(at.recall) + " of the positives with " +
         share(at.false_alarms) + " false alarms; " + share(at.precision) +
         " of what it calls positive is. The threshold was chosen on the images that it is measured on, so others will fare a little worse.\n\n" +
         history(report);
  for (const auto& note : report.notes) out += "\n- " + note;
  return out + (report.notes.empty() ? "" : "\n") + "\n## Made by\n```\n" + report.training.command + "\n```\n";
}

}  // namespace scissionlite::train
