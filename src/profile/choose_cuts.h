// Which cuts and transfer layers a profile measures: by rule, so that profiles of two machines list the same.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/cuts.h"
#include "profile/profile.h"
#include "score/scores.h"
#include "transfer/fitted.h"

namespace scissionlite {

struct ChosenCuts {
  std::vector<Cut> cuts;                                // by position; regions counted over these
  std::map<std::string, std::vector<std::string>> tls;  // by cut id: TL specs
  std::vector<std::string> codecs;                      // of edge-only candidates
};

/// @param wanted  "auto": of cuts in a row with equal bytes and equal work before them the last one (a convolution and its
///   activation differ in nothing that matters), and multi-tensor cuts that are smaller than all before them; "all";
///   "single"; or ids joined with ','.
/// @param tls     TL specs for every cut; empty: fp32, fp16, uint8, pool, and the default learned ones at up to
///   `learned_cuts` cuts that are smaller than all before them.
/// @param shelf   TLs fitted beforehand: each is timed at its own cut.
/// @throws InvalidArgument for an unknown cut or TL.
[[nodiscard]] ChosenCuts choose_profiled(const std::vector<Cut>& cuts, const std::string& wanted, const std::vector<std::string>& tls,
                                         const transfer::Shelf& shelf = {}, int learned_cuts = 6);

/// Exactly the split and edge-only candidates of a scores.json.
[[nodiscard]] ChosenCuts cuts_of_scores(const std::vector<Cut>& cuts, const Scores& scores);

/// Image codecs timed when no scores are given.
[[nodiscard]] std::vector<std::string> timed_codecs();

/// Without photos of one's own, codecs are timed on made-up pictures, whose sizes say little: those of the scored images
/// take their place in `profile.image_bytes`.
void take_image_bytes(Profile& profile, const Scores& scores);

}  // namespace scissionlite
