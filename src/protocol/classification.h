// The classification extension of the protocol, both ways: a request that asks for the k best classes of an output gets
// BYTES elements "score:index" instead of all scores. Over 1 Mbit/s 1,000 scores take 32 ms, five classes less than one.
// Source: Triton Inference Server, protocol extension "classification"; scores are printed as it prints them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"

namespace scissionlite::protocol {

inline constexpr const char* kClassificationExtension = "classification";  // in ServerMetadata, and the output's parameter

/// (n), (1, n), (1, n, 1, 1): the scores of one image.
[[nodiscard]] bool is_score_list(const Shape& shape);

/// Bytes of an answer with the `k` best of `count` classes, about: what a plan reckons with.
[[nodiscard]] int64_t class_answer_bytes(int64_t k, int64_t count);

/// Indices of the `k` largest, best first; ties go to the lower index, NaN is last.
[[nodiscard]] std::vector<int64_t> best_indices(std::span<const float> scores, int64_t k);

/// The answer: raw BYTES contents (each element after its length as uint32) and their shape.
struct ClassList {
  Tensor raw;   // uint8
  Shape shape;  // (batch, k) or (k)
};
/// The `k` best of each item. @param has_batch  whether the first size counts items. @param labels  of classes from 0 on, which follow the index as
/// ":label"; those of the last ones may lack.
/// @throws InvalidArgument when `scores` is of BYTES.
[[nodiscard]] ClassList best_of_each(const Tensor& scores, int64_t k, bool has_batch, const std::vector<std::string>& labels = {});

struct ScoredClass {
  int64_t index = 0;
  double score = 0;
};
/// "11.250000:16" or "11.250000:16:label". @throws InvalidArgument quoting the element.
[[nodiscard]] ScoredClass parse_class(std::string_view element);

}  // namespace scissionlite::protocol
