// Which cuts are worth scoring when the user names none, and which transfer layers at each.
#pragma once

#include <string>
#include <vector>

#include "graph/cuts.h"
#include "transfer/fitted.h"

namespace scissionlite {

/// Cuts that no other cut beats in both bytes and head cost, thinned to at most `limit` that lie evenly over the front.
/// Those of unknown size are left out. Order: by position.
[[nodiscard]] std::vector<Cut> worthwhile_cuts(const std::vector<Cut>& cuts, size_t limit);

/// Cuts by what the user wrote: "auto" (12 worthwhile ones), "auto:20", "all", or ids and tensor names.
/// @throws InvalidArgument for an unknown one, with the nearest.
[[nodiscard]] std::vector<Cut> choose_cuts(const std::vector<Cut>& cuts, const std::vector<std::string>& asked);

/// Specs of the transfer layers for a cut: those asked for ("auto": transfer::default_specs of its largest tensor), then the
/// shelf's of this cut, each once. Those that its largest tensor cannot take are left out, named ones with a warning.
[[nodiscard]] std::vector<std::string> choose_tls(const Cut& cut, const std::vector<std::string>& asked, const transfer::Shelf& shelf);

}  // namespace scissionlite
