// How long a smaller model would take on a machine that the whole one was profiled on. Free of libtorch.
//
// A profile times the pieces between the single cuts of the whole model. What is left of a piece takes its time by the share of its
// multiply-accumulates that stays, or of the bytes that it reads and writes where it has none.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "compress/layers.h"
#include "profile/profile.h"

namespace scissionlite::train {

class ExpectedLatency {
 public:
  /// Times of pieces are those of the profile's blocks, else differences of the heads of its single cuts, on the scale of the whole model's;
  /// without any the model is one piece.
  /// @throws InvalidArgument for a profile of another model, without a time of the whole model, or with cuts that the model does not have.
  /// @param where  names the profile in messages.
  ExpectedLatency(const Graph& model, const std::string& model_sha256, const Profile& profile, const std::string& where);

  /// Of the network without these classes, in microseconds. Nodes that the model lacks, which are gates and sums of constants, take no time.
  /// Cost: linear in the nodes.
  [[nodiscard]] double us(const compress::Channels& left, const std::set<int>& removed) const;
  [[nodiscard]] double whole_us() const { return whole_us_; }
  [[nodiscard]] size_t pieces() const { return pieces_.size(); }

 private:
  struct Piece {
    double us = 0;
    compress::NodeWork work;  // of the whole model
  };
  void divide(const Graph& model, const Profile& profile, const std::string& where);
  void name_nodes(const Graph& model, const std::vector<size_t>& piece_of_node);
  [[nodiscard]] std::vector<compress::NodeWork> work_of_pieces(const compress::Channels& left, const std::set<int>& removed) const;

  double whole_us_ = 0;
  std::vector<Piece> pieces_;                         // in the order of the model
  std::map<std::string, size_t> by_name_, by_value_;  // pieces, by names of nodes, and by values that they make and constants that they read
};

}  // namespace scissionlite::train
