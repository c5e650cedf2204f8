// Tables of file names and labels, as people and spreadsheets write them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file.h"

namespace scissionlite {

struct LabelRow {
  std::string file, label;  // neither is empty
  int64_t line = 0;         // of the text, from 1
};

/// Rows of a file name and a label, divided by tabs, or by commas where the first line has commas and no tab, or has both and the file is named .csv.
/// With commas, fields may stand in quotes as RFC 4180 says
/// ("a, b.jpg", with "" for a quote, over several lines). Without a header the first two columns count, whatever stands behind them; with one
/// ("filename,width,class"), the columns that it names. Empty lines and those that begin with # are left out, also a byte order mark at the front;
/// lines end with LF or CR LF. Spaces around labels go, those of file names count.
/// @throws InvalidArgument naming the line: fewer than two columns, an empty name or label, a quote that does not end or that something stands
/// behind; a text in UTF-16.
[[nodiscard]] std::vector<LabelRow> read_label_table(const fs::path& path);
/// The same of a text. @param path  for messages, and for its extension.
[[nodiscard]] std::vector<LabelRow> label_rows(std::string_view text, const fs::path& path);

}  // namespace scissionlite
