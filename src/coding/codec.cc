#include "coding/codec.h"
#include "base/cpu.h"
#include "base/error.h"

#include <algorithm>

namespace scissionlite::coding {

extern const Codec kScalarCodec;
#ifdef SCISSIONLITE_CODING_X86
extern const Codec kAvx2Codec, kAvx512Codec;
#endif

Workspace::Workspace(const ModelData& data) {
  const auto padded = static_cast<size_t>(data.padded()), positions = static_cast<size_t>(data.shape.positions());
  const auto places = static_cast<size_t>((data.shape.rows + 1) * (data.shape.columns + 2));
  symbols.assign(positions * padded, 0);
  history.assign(places * padded, kHistoryZero);
  activity.assign(places, 0);
  sums.assign(static_cast<size_t>(data.shape.columns) * padded, 0);
  means.assign(padded, 0);
}

namespace {

struct BuiltCodec {
  std::vector<std::string> needs;  // as base/cpu.h names them
  const Codec* codec;
};
const std::vector<BuiltCodec>& built_codecs() {
  static const std::vector<BuiltCodec> codecs{
#ifdef SCISSIONLITE_CODING_X86
      {{"avx512f", "avx512bw", "avx512vnni"}, &kAvx512Codec},
      {{"avx2"}, &kAvx2Codec},
#endif
      {{}, &kScalarCodec}};
  return codecs;
}

}  // namespace

std::vector<const Codec*> usable_codecs() {
  std::vector<const Codec*> usable;
  for (const auto& built : built_codecs())
    if (has_isa(built.needs)) usable.push_back(built.codec);
  return usable;
}

const Codec& codec_named(const std::string& name) {
  std::string known;
  for (const Codec* codec : usable_codecs()) {
    if (name.empty() || name == codec->name) return *codec;
    known += (known.empty() ? "" : ", ") + std::string(codec->name);
  }
  throw InvalidArgument("[entropy coder] no instruction set '" + name + "' here; available: " + known);
}

}  // namespace scissionlite::coding
