#include "base/cpu.h"
#include "base/error.h"
#include "coding/codec.h"

#include <algorithm>

namespace scissionlite::coding {

extern const Codec kScalarCodec;
#ifdef SCISSIONLITE_CODING_AVX2
extern const Codec kAvx2Codec;
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
  const char* needs;  // as base/cpu.h names it, "" for none
  const Codec* codec;
};
const std::vector<BuiltCodec>& built_codecs() {
  static const std::vector<BuiltCodec> codecs{
#ifdef SCISSIONLITE_CODING_AVX2
      {"avx2", &kAvx2Codec},
#endif
      {"", &kScalarCodec}};
  return codecs;
}

}  // namespace

std::vector<const Codec*> usable_codecs() {
  const auto& isa = this_machine().isa;
  std::vector<const Codec*> usable;
  for (const auto& built : built_codecs())
    if (*built.needs == 0 || std::find(isa.begin(), isa.end(), built.needs) != isa.end()) usable.push_back(built.codec);
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
