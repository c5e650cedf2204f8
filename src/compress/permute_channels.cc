#include "compress/permute_channels.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "compress/slice_constant.h"
#include "compress/sparse_rows.h"

namespace scissionlite::compress {
namespace {

/// Where each channel's entry comes from along a list: the same occurrence of the class that replaces it.
std::vector<int64_t> sources(const std::vector<int>& units, const std::map<int, int>& order) {
  std::map<int, std::vector<int64_t>> places;
  for (size_t i = 0; i < units.size(); ++i) places[units[i]].push_back(static_cast<int64_t>(i));
  std::map<int, size_t> seen;
  std::vector<int64_t> out;
  for (const int unit : units) {
    const auto it = order.find(unit);
    out.push_back(places.at(it == order.end() ? unit : it->second)[seen[unit]++]);
  }
  return out;
}

/// A layer that reads exactly one width, in its order.
struct Reader {
  SparseLayer layer;
  std::vector<int> classes;  // of its inputs, by place
};

std::vector<Reader> readers_of(const Channels& channels) {
  std::vector<Reader> out;
  for (auto& layer : find_sparse_layers(channels.graph())) {
    if (!layer.not_eligible.empty()) continue;
    const auto* units = channels.constant({layer.weights, layer.is_transposed ? 0 : 1});
    if (units) out.push_back({std::move(layer), *units});
  }
  return out;
}

/// Magnitudes of the readers' weights, columns in the order of `classes`.
Magnitudes magnitudes_of(const Channels& channels, const std::vector<const Reader*>& readers, const std::vector<int>& classes) {
  Magnitudes out{0, static_cast<int64_t>(classes.size()), {}};
  for (const auto* reader : readers) out.rows += SparseRows(reader->layer).count();
  out.values.resize(static_cast<size_t>(out.rows * out.columns));
  int64_t first = 0;
  for (const auto* reader : readers) {
    const SparseRows rows(reader->layer);
    const auto values = channels.graph().initializers.at(reader->layer.weights).as<float>();
    for (int64_t c = 0; c < out.columns; ++c)
      for (int64_t r = 0; r < rows.count(); ++r) out.values[static_cast<size_t>(c * out.rows + first + r)] = std::abs(values[rows.place(r, c)]);
    first += rows.count();
  }
  return out;
}

}  // namespace

std::vector<std::vector<int>> exchangeable_classes(const Channels& channels) {
  // by all lists that a class stands in, and how often
  std::vector<std::map<std::string, int>> met(channels.classes().size());
  std::set<int> scattered;
  const auto meet = [&](const std::string& list, const std::vector<int>& units, size_t rank) {
    for (size_t i = 0; i < units.size(); ++i)
      if (met[static_cast<size_t>(units[i])][list]++ > 0 && (rank != 2 || units[i - 1] != units[i])) scattered.insert(units[i]);
  };
  for (const auto& [where, units] : channels.constants())
    meet("constant " + where.constant + " " + std::to_string(where.axis), units, channels.graph().initializers.at(where.constant).shape().size());
  for (const auto& [name, value] : channels.values()) meet("value " + name, value.units, channels.shape(name).size());
  std::map<std::map<std::string, int>, std::vector<int>> groups;
  for (size_t i = 0; i < met.size(); ++i)
    if (channels.classes()[i].fixed.empty() && !scattered.count(static_cast<int>(i))) groups[met[i]].push_back(static_cast<int>(i));
  std::vector<std::vector<int>> out;
  for (auto& [lists, classes] : groups) out.push_back(std::move(classes));
  std::sort(out.begin(), out.end());
  return out;
}

Graph permute_channels(const Channels& channels, const std::map<int, int>& order) {
  Graph out = channels.graph();
  for (const auto& [where, units] : channels.constants()) {
    const auto from = sources(units, order);
    if (!std::is_sorted(from.begin(), from.end()))
      out.initializers[where.constant] = gathered(out.initializers.at(where.constant), static_cast<size_t>(where.axis), from);
  }
  return out;
}

PermutedGraph permute_for_two_four(const Graph& graph, const PermutationOptions& options) {
  const Channels channels(graph);
  const auto readers = readers_of(channels);
  struct Width {
    std::vector<int> classes;  // in the order of the readers' inputs
    std::vector<const Reader*> readers;
    double cost = 0;
  };
  std::vector<Width> widths;
  for (const auto& classes : exchangeable_classes(channels)) {
    const std::set<int> wanted(classes.begin(), classes.end());
    Width width;
    for (const auto& reader : readers) {
      const bool is_whole = reader.classes.size() == classes.size() &&
                            std::all_of(reader.classes.begin(), reader.classes.end(), [&](int one) { return wanted.count(one) > 0; });
      if (!is_whole || (!width.classes.empty() && width.classes != reader.classes)) continue;
      width.classes = reader.classes;
      width.readers.push_back(&reader);
      width.cost += static_cast<double>(SparseRows(reader.layer).count()) * static_cast<double>(classes.size()) * static_cast<double>(classes.size());
    }
    if (!width.readers.empty() && width.classes.size() % 4 == 0) widths.push_back(std::move(width));
  }
  double cost = 0;
  for (const auto& width : widths) cost += width.cost;
  PermutedGraph out;
  std::map<int, int> order;
  for (const auto& width : widths) {
    const auto matrix = magnitudes_of(channels, width.readers, width.classes);
    auto own = options;
    own.seconds = options.seconds * width.cost / cost;
    const auto best = best_order(matrix, own);
    std::vector<int> as_it_is(width.classes.size());
    std::iota(as_it_is.begin(), as_it_is.end(), 0);
    out.kept_before += kept_by_two_four(matrix, as_it_is), out.kept_after += kept_by_two_four(matrix, best), out.kept_most += kept_by_half(matrix);
    for (size_t i = 0; i < best.size(); ++i) order[width.classes[i]] = width.classes[static_cast<size_t>(best[i])];
    for (const auto* reader : width.readers) out.layers.push_back(reader->layer.node);
  }
  out.graph = permute_channels(channels, order);
  return out;
}

}  // namespace scissionlite::compress
