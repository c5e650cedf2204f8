// Activations of real images: what TLs are fitted on and what cuts are scored with.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "base/tensor.h"
#include "graph/graph.h"
#include "vision/input_spec.h"

namespace scissionlite {

/// The activations that TLs of a cut are fitted on: of the first of `images` whose tensors fit into 1 GiB. `score` and
/// `prepare` both take their samples from here, so that both fit the same TL. @return per tensor, per image in the order given, batch 1, owned.
/// @param threads  0: every core of this process. @throws InvalidArgument for an unknown tensor or an unreadable image (names it). Cost: one run of
/// the part of the model that computes the tensors an image.
[[nodiscard]] std::vector<std::vector<Tensor>> fit_samples(const Graph& model, const std::vector<std::string>& cut_tensors,
                                                           const std::vector<fs::path>& fit_images, const vision::InputSpec& input,
                                                           const std::string& engine, int threads = 0);

/// Images split into those TLs are fitted on and those scored: never the same. The split depends on the file's bytes
/// alone (not on name, order or machine), so that `score` and `prepare` fit the same TL from the same folder.
struct ImageSplit {
  std::vector<fs::path> fit, score;      // fit: in order of their hashes, score: in the order given
  std::string fit_sha256, score_sha256;  // over the hashes of the files' bytes, sorted
};
/// @param fit_images  a count ("100") or a share ("0.33", "33%") of `images`; at least one image stays on each side. "0": all are scored, for
/// TLs that need no fitting or were fitted on other images.
/// Files with equal bytes fall on the same side.
/// @throws InvalidArgument when the number is not understood, or fewer than two different images are given.
[[nodiscard]] ImageSplit split_images(const std::vector<fs::path>& images, const std::string& fit_images = "0.33");
/// The same of what has these hashes.
struct HashSplit {
  std::vector<size_t> fit, score;  // places; fit: in order of the hashes and one of each, score: in the order given
  std::string fit_sha256, score_sha256;
};
[[nodiscard]] HashSplit split_by_hash(const std::vector<std::string>& hashes, const std::string& fit);

}  // namespace scissionlite
