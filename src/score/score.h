// Measuring candidates: what each does to the answers, and how many bytes leave the device.
//
// The way of one image: the uncut model gives the reference answer; an edge candidate encodes the picture, decodes it
// and runs the whole model; a split candidate runs head, TL encoder, TL decoder and tail. Relies on transfer, vision,
// engine. Start with `score`.
#pragma once

#include <string>
#include <vector>

#include "score/scores.h"
#include "transfer/fitted.h"
#include "vision/input_spec.h"

namespace scissionlite {

/// AUC is measured for models of at most so many classes: beyond them most classes have few images.
constexpr int64_t kMostAucClasses = 32;

struct ScoreOptions {
  fs::path model;
  std::vector<fs::path> images;     // all of them; those fitted on are not scored
  std::string fit_images = "0.33";  // see split_images
  vision::InputSpec input;
  std::vector<std::string> cuts{"auto"};    // see choose_cuts
  int max_tensors = 3;                      // that may cross at a cut
  std::vector<std::string> tls{"auto"};     // specs; "auto": transfer::default_specs of each cut's largest tensor, and the shelf's
  transfer::Shelf shelf;                    // TLs fitted beforehand
  std::vector<std::string> codecs{"auto"};  // file, raw, png, tensor, jpeg-q90-420, webp-q80; "auto": a grid; "none"
  std::string metric = "top1";              // see make_metric
  std::string labels;                       // see load_labels; "" = none
  std::string engine;                       // "" = the default
  int threads = 0;                          // 0: every core
  fs::path cache;                           // "" = none
  std::string command;                      // noted in the result
};

/// Fits and measures every candidate. Draws a progress bar on a terminal.
/// @throws InvalidArgument (images, labels, cuts, specs), ModelError, Unsupported, ResourceError.
/// Cost: one run of the whole model an image, then per cut one run of the head, and per TL one run of the tail; per codec
/// one run of the whole model. Memory: inputs and reference answers, up to 1 GiB; samples that TLs are fitted on, up to
/// 1 GiB.
[[nodiscard]] Scores score(const ScoreOptions& options);

/// The codecs of "auto": file, raw, png, JPEG of quality 10 to 98 in 4:2:0 and 4:4:4, WebP of 10 to 95.
[[nodiscard]] std::vector<std::string> default_codecs();

}  // namespace scissionlite
