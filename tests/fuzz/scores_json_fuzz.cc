// Any text is a scores.json or an InvalidArgument; an accepted one survives writing and reading, and each of its candidates is found by its key.
#include "json_file.h"
#include "require.h"
#include "score/scores.h"

namespace {

using namespace scissionlite;

Scores checked_scores(const Json& json, const std::string& where) {
  auto scores = scores_from_json(json, where);
  for (const auto& score : scores.scores) {
    require(scores.find(score.candidate) != nullptr);
    const auto candidate = candidate_from_key(score.candidate);  // an accepted key is one
    require(candidate.key() == score.candidate && !candidate.family().empty());
    require(!is_exact(candidate) || candidate.kind != Candidate::Kind::kSplit || candidate.family() == "plain fp32");
  }
  require(scores.find("split/no such cut") == nullptr);
  return scores;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) { return check_json_file(data, size, checked_scores); }
