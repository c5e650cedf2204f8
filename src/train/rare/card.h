// What goes with a model that was trained on rare positives, for people: what it learned from, how, and how well it does. Private to train/.
#pragma once

#include <string>

#include "train/rare/rare.h"

namespace scissionlite::train {

/// Markdown. @param identity  of the run, with the hashes of its images (train_graph.h).
[[nodiscard]] std::string card_of(const RareJob& job, const RareReport& report, const Json& identity);

}  // namespace scissionlite::train
