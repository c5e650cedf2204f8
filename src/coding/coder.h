// Codes to bytes and back under a CodeModel.
//
// Stream: header of two bytes, the states of 16 interleaved rANS lanes in 40 to 70 bytes, 16-bit words that the decoder
// reads forward. The lanes' own start values hold the last symbols of the image, coded by a 17th state, so that
// interleaving costs about 12 bytes a stream; that 17th state ends where it began, at 16 bits of a checksum of the codes.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coding/code_model.h"

namespace scissionlite::coding {

struct Codec;      // one instruction set's functions
struct Workspace;  // buffers for one image

/// Instruction sets of this machine for which there is code, fastest first; the last one is "scalar". All write the same bytes.
[[nodiscard]] std::vector<std::string> coder_isas();

/// Holds buffers for one image: one coder a thread. No allocation after the first image.
class Coder {
 public:
  /// @param isa  one of `coder_isas()`; empty takes the fastest. @throws InvalidArgument for another.
  explicit Coder(std::shared_ptr<const CodeModel> model, const std::string& isa = {});
  ~Coder();
  Coder(Coder&&) noexcept;
  Coder& operator=(Coder&&) noexcept;

  /// Appends the stream of one image to `out` and returns its size in bytes.
  /// @param codes  (channels, rows, columns) as the model's shape says.
  /// @throws InvalidArgument: another count of symbols, a symbol beyond its channel's levels.
  size_t encode(std::span<const uint8_t> codes, std::string& out);
  /// The inverse. @throws InvalidArgument for a stream that is cut short, too long or damaged ("[entropy coder] ...");
  /// `codes` then holds something.
  void decode(std::string_view stream, std::span<uint8_t> codes);

  /// No stream is longer.
  [[nodiscard]] size_t most_bytes() const;
  [[nodiscard]] const CodeModel& model() const { return *model_; }
  [[nodiscard]] const std::string& isa() const { return isa_; }

 private:
  std::shared_ptr<const CodeModel> model_;
  std::string isa_;
  const Codec* codec_;
  std::unique_ptr<Workspace> work_;
};

}  // namespace scissionlite::coding
