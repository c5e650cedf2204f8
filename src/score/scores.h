// scores.json ("scissionlite.scores/1"): what each candidate does to the answers, measured on images it was not fitted on.
//
// What lives here: the file format and the names of candidates (this file), metrics (metric.h), measuring (score.h).
// Relies on transfer, vision, engine. Start here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/stats.h"

namespace scissionlite {

/// What a transfer layer is, as its spec tells; kLearned: fitted or trained on images of the model.
enum class TlKind { kPlain, kCodes, kPool, kLearned };
[[nodiscard]] TlKind kind_of_tl(std::string_view tl);
/// The tensors of a cut as they are: nothing is inserted, nothing lost.
inline constexpr std::string_view kUnchangedTl = "fp32";

/// What leaves the device. Key grammar: "local" | "edge/<codec>" | "split/<cut id>/<tl spec>".
struct Candidate {
  enum class Kind { kLocal, kEdge, kSplit };
  Kind kind = Kind::kLocal;
  std::string codec;   // of kEdge: file, raw, png, jpeg-q90-420, webp-q80, tensor
  std::string cut_id;  // of kSplit
  std::string tl;      // of kSplit
  [[nodiscard]] std::string key() const;
  /// "local", "edge file", "edge jpeg", "plain uint8", "packed codes", "pool TL", "learned TL": the family of the table.
  [[nodiscard]] std::string family() const;
};
/// @throws InvalidArgument saying the grammar.
[[nodiscard]] Candidate candidate_from_key(const std::string& key);
/// Whether the answers are the uncut model's by construction: local, fp32, and images that arrive unchanged.
[[nodiscard]] bool is_exact(const Candidate& candidate);

struct Score {
  std::string candidate;  // key
  double agreement = 0;   // mean of the metric against the uncut model, in [0, 1]
  Interval interval;      // 95 %: Wilson for top1, bootstrap for others
  int64_t n = 0;          // images scored
  double bytes_mean = 0, bytes_p95 = 0;
  double label_accuracy = -1;  // -1: no labels
  double label_auc = -1;       // mean over the classes of each against the rest; -1: no labels, or too many classes
  std::string note;
};
struct Scores {
  std::string model_sha256, metric = "top1";
  int64_t images = 0, images_fitted = 0;
  std::string images_sha256;   // of the scored files' bytes
  double label_accuracy = -1;  // of the uncut model
  std::vector<Score> scores;
  std::string command;
  /// nullptr when absent.
  [[nodiscard]] const Score* find(const std::string& candidate_key) const;
};
[[nodiscard]] Json to_json(const Scores& scores);
[[nodiscard]] Scores scores_from_json(const Json& json, const std::string& where);
[[nodiscard]] Scores load_scores(const fs::path& path);

}  // namespace scissionlite
