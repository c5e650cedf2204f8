#include "coding/coder.h"

#include <cstring>

#include "base/error.h"
#include "coding/image.h"
#include "coding/stream.h"
#include "coding/transpose.h"

namespace scissionlite::coding {

std::vector<std::string> coder_isas() {
  std::vector<std::string> names;
  for (const Codec* codec : usable_codecs()) names.emplace_back(codec->name);
  return names;
}

Coder::Coder(std::shared_ptr<const CodeModel> model, const std::string& isa)
    : model_(std::move(model)), codec_(&codec_named(isa)), work_(std::make_unique<Workspace>(model_->data())) {
  isa_ = codec_->name;
}
Coder::~Coder() = default;
Coder::Coder(Coder&&) noexcept = default;
Coder& Coder::operator=(Coder&&) noexcept = default;

size_t Coder::most_bytes() const { return kMostHeadBytes + 4 * static_cast<size_t>(model_->shape().symbols()); }

size_t Coder::encode(std::span<const uint8_t> codes, std::string& out) {
  const ModelData& data = model_->data();
  Interleaved parts;
  parts.with_quiet = analyse_image(data, *codec_, codes, *work_);
  parts.check = check_of(codes);
  if (work_->words.size() < most_bytes() + kSlackBytes) work_->words.resize(most_bytes() + kSlackBytes);
  codec_->encode(data, *work_, parts);
  const size_t before = out.size();
  append_stream(parts, coded_symbols(data, parts.with_quiet), out);
  return out.size() - before;
}

void Coder::decode(std::string_view stream, std::span<uint8_t> codes) {
  const ModelData& data = model_->data();
  check_count(data, codes.size());
  if (stream.size() > most_bytes())
    throw InvalidArgument("[entropy coder] a stream of " + std::to_string(stream.size()) + " bytes; at most " + std::to_string(most_bytes()) +
                          " for this model");
  Interleaved parts = parse_stream(stream, data, work_->words);
  if (!parts.with_quiet) clear_quiet(data, *work_);
  Damage damage = codec_->decode(data, *work_, parts);
  transpose(work_->symbols.data(), data.shape.positions(), data.shape.channels, data.padded(), codes.data(), data.shape.positions());
  if (damage == Damage::kNone && parts.check != check_of(codes)) damage = Damage::kCheck;
  const char* what = nullptr;
  switch (damage) {
    case Damage::kNone: return;
    case Damage::kShort: what = "the stream ends before the image does"; break;
    case Damage::kLong: what = "bytes are left after the image"; break;
    case Damage::kSymbol: what = "a symbol beyond its channel's levels"; break;
    case Damage::kCheck: what = "the check of integrity fails"; break;
  }
  throw InvalidArgument(std::string("[entropy coder] ") + what + "; the stream is damaged or of another model");
}

}  // namespace scissionlite::coding
