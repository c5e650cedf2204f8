// What an operator does to channels. Private to compress/.
#pragma once

#include <functional>
#include <set>

#include "compress/channels.h"
#include "ops/ops.h"

namespace scissionlite::compress {

/// Units while they are being related: what rules speak to.
class Relations {
 public:
  explicit Relations(Channels& channels);

  [[nodiscard]] Shape shape(const std::string& value) const { return channels_.shape(value); }
  /// nullptr where it is not constant.
  [[nodiscard]] const Tensor* constant(const std::string& value) const;
  /// nullptr where the value has no channels, or none that are known.
  [[nodiscard]] const ChannelAxis* channels(const std::string& value) const { return channels_.value(value); }
  [[nodiscard]] ops::Context context(const Node& node) const { return {node, channels_.graph_.opset(node.domain)}; }
  [[nodiscard]] std::vector<Tensor> constants_of(const Node& node) const;

  [[nodiscard]] std::vector<int> fresh(int64_t count);
  /// Units of a constant's axis, which is marked as that part.
  std::vector<int> axis_of(const std::string& constant, int axis, Part part);
  void unify(int a, int b);
  /// One by one. Lists of different lengths are fixed.
  void unify(const std::vector<int>& a, const std::vector<int>& b, const Node& node);
  void fix(const std::vector<int>& units, const std::string& reason);
  void set(const std::string& value, ChannelAxis channels);
  /// Keeps all channels that the node reads, and knows none of what it writes.
  void reject(const Node& node, const std::string& reason);

  /// Numbers the classes.
  void finish();

 private:
  int root(int unit);
  Channels& channels_;
  std::vector<int> parents_;
  std::map<int, std::string> fixed_;  // by unit, before roots are known
  std::map<ConstantAxis, std::set<Part>> parts_;
};

/// A node and its constants after channels were removed.
class Shrinking {
 public:
  virtual ~Shrinking() = default;
  /// Channels that are left of a value, and were there.
  [[nodiscard]] virtual std::vector<bool> kept(const std::string& value) const = 0;
  [[nodiscard]] virtual const ChannelAxis* channels(const std::string& value) const = 0;
  [[nodiscard]] virtual Shape shape(const std::string& value) const = 0;  // before
  [[nodiscard]] virtual const Tensor* constant(const std::string& value) const = 0;
  [[nodiscard]] virtual ops::Context context(const Node& node) const = 0;
  /// Gives input i another constant, of a name of its own.
  virtual void replace_input(Node& node, size_t i, const Tensor& constant) = 0;
};

struct ChannelRule {
  const char* domain;
  const char* type;
  void (*relate)(Relations&, const Node&);
  /// What has to change in the node beside constants that channels index.
  void (*shrink)(Shrinking&, Node&);
};
/// nullptr when there is none.
[[nodiscard]] const ChannelRule* find_channel_rule(const Node& node);

/// What still counts of a list.
[[nodiscard]] int64_t count_kept(const std::vector<bool>& kept);

}  // namespace scissionlite::compress
