// Parts of constants along an axis, and what layers make of constant inputs. Private to compress/.
#pragma once

#include <vector>

#include "graph/graph.h"

namespace scissionlite::compress {

/// Entries along `axis`, in the order of `from`. Any type.
[[nodiscard]] Tensor gathered(const Tensor& tensor, size_t axis, const std::vector<int64_t>& from);
/// Those that are kept.
[[nodiscard]] Tensor take(const Tensor& tensor, size_t axis, const std::vector<bool>& kept);
/// In place, of a tensor that is not shared.
void zero_slice(Tensor& tensor, size_t axis, int64_t index);
/// What a Conv inside of the image, a Gemm (without alpha) or a MatMul gives of channels that are constant, without its bias.
/// @param weights float32. @param channels one value a channel that it reads.
[[nodiscard]] std::vector<double> outputs_of_constants(const Node& node, const Tensor& weights, const std::vector<float>& channels);
void drop_unread_constants(Graph& graph);

}  // namespace scissionlite::compress
