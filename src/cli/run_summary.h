// What `run` says in the end: of images, plans, packages and agreement, as JSON or in words, and whether all went as promised.
#pragma once

#include "base/json.h"
#include "device/delivered.h"
#include "device/pipeline.h"

namespace scissionlite::cli {

/// What a run was made of; the pointers are nullptr where it had none.
struct RunSummary {
  const device::RunTotals& totals;
  const device::Plans& plans;
  const device::Delivered* delivered;
  const device::Shadow* shadow;
  bool was_stopped = false;  // by whom it answered until then: single images without an answer and an edge once refused are said, and no failure
};

[[nodiscard]] Json to_json(const RunSummary& summary);
/// On stderr.
void print(const RunSummary& summary);
/// 0 only when every image was answered as the package promises: by the edge that holds its tail, where it has one. Says on stderr what was not so.
[[nodiscard]] int exit_code(const RunSummary& summary);

}  // namespace scissionlite::cli
