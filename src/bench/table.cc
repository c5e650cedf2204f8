// The table of a bench, for people.
#include <algorithm>

#include "base/counted.h"
#include "base/text.h"
#include "bench/bench.h"

namespace scissionlite {
namespace {

std::string ms(double us) { return us > 0 ? format_fixed(us / 1e3, 2) : "-"; }

std::string agreement(const BenchRow& row) {
  if (row.agreement < 0) return "-";
  return format_fixed(row.agreement, 3) + " [" + format_fixed(row.agreement_interval.low, 3) + ", " + format_fixed(row.agreement_interval.high, 3) +
         "]";
}

std::vector<std::string> cells(const BenchRow& row) {
  return {row.key,
          ms(row.latency_median_us),
          ms(row.latency_p95_us),
          ms(row.predicted_us),
          ms(row.preprocess_us + row.encode_us),
          ms(row.head_us),
          ms(row.wire_us),
          ms(row.decode_us + row.tail_us),
          row.bytes_mean > 0 ? format_fixed(row.bytes_mean, 0) : "0",
          agreement(row),
          std::to_string(row.agreement_n),
          row.speedup_over_local > 0 ? format_fixed(row.speedup_over_local, 2) : "-"};
}

}  // namespace

std::string format_bench(const BenchResults& results) {
  std::vector<const BenchRow*> rows;
  for (const auto& row : results.rows)
    if (row.n > 0) rows.push_back(&row);
  std::sort(rows.begin(), rows.end(), [](const auto* a, const auto* b) { return a->latency_median_us < b->latency_median_us; });
  const bool with_throughput = std::any_of(rows.begin(), rows.end(), [](const auto* r) { return r->throughput_ips > 0; });
  std::vector<std::vector<std::string>> table{
      {"candidate", "median ms", "p95 ms", "predicted", "prepare", "head", "wire", "edge", "bytes", "agreement [95 %]", "n", "x local"}};
  for (const auto* row : rows) table.push_back(cells(*row));
  if (with_throughput) {
    table.front().push_back("images/s");
    for (size_t i = 0; i < rows.size(); ++i) table[i + 1].push_back(format_fixed(rows[i]->throughput_ips, 1));
  }
  std::string out = format_table(table);
  for (const auto& row : results.rows)
    if (!row.error.empty()) out += row.key + ": stopped after " + counted(row.n, "image") + ": " + row.error + "\n";
  return out;
}

}  // namespace scissionlite
