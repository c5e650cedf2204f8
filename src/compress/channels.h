// Which channels of a network can only be removed together.
//
// Every value that has channels, and every axis of a constant that channels index, is a list of units. Operators relate units: Add makes
// those of its operands one, Concat puts lists one behind the other, Flatten repeats each unit for its pixels, a grouped convolution
// makes one of what stands at equal places of its groups. Units that became one are a class: the least that can be removed. What an
// operator does to channels is one line of channel_rules.inc; what has no line keeps all channels that it reads.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "graph/graph.h"

namespace scissionlite::compress {

/// What a constant's entries are to the channels that index them.
enum class Part {
  kMakes,       // weights that compute the channel: of a convolution's output
  kScales,      // BatchNormalization's scale
  kShifts,      // biases, BatchNormalization's shift
  kStatistics,  // BatchNormalization's mean and variance
  kReads,       // weights that the channel is multiplied with: of a convolution's input
  kMeets,       // an operand of elementwise arithmetic
};

/// An axis of a constant, indexed by channels.
struct ConstantAxis {
  std::string constant;
  int axis = 0;
  auto operator<=>(const ConstantAxis&) const = default;
};

/// One entry of a constant.
struct Member {
  ConstantAxis where;
  int64_t index = 0;
  Part part = Part::kMeets;
};

/// Where a value has its channels: one axis, or two neighbouring ones between the Reshapes of a channel shuffle.
struct ChannelAxis {
  int axis = 1;
  int axes = 1;
  std::vector<int> units;  // row-major over the axes
};

struct ChannelClass {
  std::vector<Member> members;
  std::string fixed;  // why it cannot be removed; empty: it can
};

/// The channels of a graph, found once.
class Channels {
 public:
  /// Constant parts of the graph are folded first, and types inferred for a batch of one: `graph()` is the result, to which all
  /// names below belong. Cost: linear in the channels of all values.
  /// @throws ModelError for a graph that contradicts itself; Unsupported for quantised operators: prune before quantising.
  explicit Channels(const Graph& graph);

  [[nodiscard]] const Graph& graph() const { return graph_; }
  [[nodiscard]] const std::vector<ChannelClass>& classes() const { return classes_; }
  /// Class of each channel of a value; nullptr where it has none.
  [[nodiscard]] const ChannelAxis* value(const std::string& name) const;
  [[nodiscard]] const std::map<std::string, ChannelAxis>& values() const { return values_; }
  /// Class of each entry along an axis of a constant; nullptr where channels do not index it.
  [[nodiscard]] const std::vector<int>* constant(const ConstantAxis& axis) const;
  [[nodiscard]] const std::map<ConstantAxis, std::vector<int>>& constants() const { return constants_; }
  /// Types with a batch of one.
  [[nodiscard]] Shape shape(const std::string& value) const;
  /// Multiply-accumulates of each node with a batch of one.
  [[nodiscard]] const std::vector<int64_t>& macs() const { return macs_; }

 private:
  friend class Relations;
  Graph graph_;
  std::map<std::string, Shape> shapes_;
  std::vector<int64_t> macs_;
  std::map<std::string, ChannelAxis> values_;
  std::map<ConstantAxis, std::vector<int>> constants_;
  std::vector<ChannelClass> classes_;
};

}  // namespace scissionlite::compress
