// The page's sections, each a piece of HTML; a section without input says what would fill it.
#pragma once

#include <string>

#include "report/markup.h"
#include "report/view.h"

namespace scissionlite::report {

[[nodiscard]] std::string header_section(const View& view);
/// Where one image's time goes under the chosen plan; "" without a plan.
[[nodiscard]] std::string way_section(const View& view);
[[nodiscard]] std::string table_section(const CandidateTable& table, size_t index);
[[nodiscard]] std::string cuts_section(const View& view);
[[nodiscard]] std::string pareto_section(const View& view);
[[nodiscard]] std::string bandwidth_section(const View& view);
[[nodiscard]] std::string rate_section(const View& view);
[[nodiscard]] std::string privacy_section(const View& view);
[[nodiscard]] std::string explain_section(const View& view);
/// "" where nothing was pruned.
[[nodiscard]] std::string pruning_section(const View& view);
/// "" where nothing was trained to find one class.
[[nodiscard]] std::string rare_section(const View& view);
[[nodiscard]] std::string facts_section(const View& view);
[[nodiscard]] std::string notes_section(const View& view);

/// A place that nothing fills yet. Words between backticks in `what_fills_it` become code.
[[nodiscard]] std::string missing_section(const std::string& id, const std::string& title, const std::string& what_fills_it);

/// A table's cells: markup already. The first row is the header.
using Cells = std::vector<std::vector<std::string>>;
[[nodiscard]] std::string table_markup(const Cells& rows, const std::string& id = "");

}  // namespace scissionlite::report
