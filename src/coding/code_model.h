// Entropy coding of a transfer layer's codes: what is known before an image comes (this file) and the coder (coder.h).
//
// The codes of one image are uint8 symbols (channels, rows, columns), most of them near a channel's zero symbol. A model,
// fitted at calibration on codes of unlabelled images, predicts each symbol from those before it: its mean linearly from
// the four neighbouring positions (left, top, top right, top left) over many channels, its spread from how well those and
// the earlier channels of the same position were predicted. Both place a curve of probabilities for an interleaved rANS coder.
// Relies on base; Eigen in the fit. Start here, then coder.h; the arithmetic of a position is in context.h.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"

namespace scissionlite::coding {

struct CodeShape {
  int64_t channels = 0, rows = 0, columns = 0;
  [[nodiscard]] int64_t positions() const { return rows * columns; }
  [[nodiscard]] int64_t symbols() const { return channels * rows * columns; }
  bool operator==(const CodeShape&) const = default;
};

struct FitOptions {
  std::vector<uint8_t> zeros;  // (channels), the symbol that stands for 0; empty: the most common one
  std::vector<int> levels;     // (channels), 1 .. 256; empty: 256 each
  int terms = 56;              // pairs of neighbouring symbols behind the means of 64 channels, on average; 0 .. 512, time grows with it
};

struct ModelData;

/// Immutable; any number of coders and threads share it.
class CodeModel {
 public:
  /// @param codes  uint8, (channels, rows, columns) or (1, channels, rows, columns), one an image, all of one shape.
  /// Any symbol below its channel's levels stays codable, seen or not. Cost: for 300 images of (128, 14, 14) seconds.
  /// @throws InvalidArgument: no image, another dtype or shape, symbols beyond their levels, more than 2^24 symbols.
  [[nodiscard]] static CodeModel fit(std::span<const Tensor> codes, const FitOptions& options = {});

  /// A self-contained file: version, fields, SHA-256 of both. The same fit gives the same bytes.
  [[nodiscard]] std::string serialize() const;
  /// @param where  named in messages: a path or "request".
  /// @throws InvalidArgument for anything that `serialize` did not write; memory stays below 64 times the bytes' size
  /// plus what the shape asks for (2^24 symbols at most).
  [[nodiscard]] static CodeModel parse(std::string_view bytes, const std::string& where);
  /// SHA-256 at the end of the file, lower-case hex: two ends with the same hash understand each other's streams.
  [[nodiscard]] std::string hash() const;

  [[nodiscard]] const CodeShape& shape() const;
  [[nodiscard]] uint8_t zero(int64_t channel) const;
  [[nodiscard]] int levels(int64_t channel) const;

  /// What the codes cost under the model, in bits, without the stream's own few bytes.
  /// @param codes  (channels, rows, columns). @throws InvalidArgument as `Coder::encode` does.
  [[nodiscard]] double bits(std::span<const uint8_t> codes) const;
  /// The same for each symbol where it stands: as it is, and one step nearer to zero (as it is when it is zero).
  /// For rate-distortion optimised quantisation; the effect of a step on later symbols is left out.
  void step_bits(std::span<const uint8_t> codes, std::span<float> as_is, std::span<float> nearer) const;
  /// (channels, 256): cost of each symbol among neighbours that are all zero and of ordinary spread; infinity beyond
  /// the channel's levels.
  [[nodiscard]] std::vector<float> symbol_bits() const;

  [[nodiscard]] const ModelData& data() const { return *data_; }
  explicit CodeModel(std::shared_ptr<const ModelData> data) : data_(std::move(data)) {}

 private:
  std::shared_ptr<const ModelData> data_;
};

}  // namespace scissionlite::coding
