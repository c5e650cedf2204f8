// Any bytes are a code model and streams under it, or InvalidArgument. A model that is accepted codes and decodes an image on
// every instruction set; streams that are accepted give codes that encode again.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "coding/coder.h"
#include "coding/test_codes.h"
#include "require.h"

namespace {

using namespace scissionlite;
using namespace scissionlite::coding;

std::string sha256(std::string_view bytes) {
  Sha256 sha;
  sha.update(bytes);
  const std::string hex = sha.hex();
  std::string out;
  for (size_t i = 0; i < hex.size(); i += 2) out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}

/// The same codes, or the same refusal, on all instruction sets.
void check_stream(const std::shared_ptr<const CodeModel>& model, std::string_view stream) {
  const auto symbols = static_cast<size_t>(model->shape().symbols());
  std::vector<uint8_t> first, codes(symbols);
  bool is_first = true, was_accepted = false;
  for (const auto& isa : coder_isas()) {
    Coder coder(model, isa);
    bool is_accepted = true;
    try {
      coder.decode(stream, codes);
    } catch (const InvalidArgument&) { is_accepted = false; }
    require(is_first || (is_accepted == was_accepted && (!is_accepted || codes == first)));
    is_first = false, was_accepted = is_accepted, first = codes;
  }
  if (!was_accepted) return;
  std::string again;
  Coder coder(model);
  coder.encode(first, again);
  coder.decode(again, codes);
  require(codes == first);
}

void check_model(const std::shared_ptr<const CodeModel>& model, std::string_view rest) {
  if (model->shape().symbols() > 2000) return;  // keeps a run short
  const auto symbols = static_cast<size_t>(model->shape().symbols());
  std::vector<uint8_t> codes(symbols), back(symbols);
  for (size_t i = 0; i < symbols; ++i) {
    const auto levels = static_cast<size_t>(model->levels(static_cast<int64_t>(i) / model->shape().positions()));
    codes[i] = static_cast<uint8_t>((rest.empty() ? 0 : static_cast<uint8_t>(rest[i % rest.size()])) % levels);
  }
  std::string first;
  for (const auto& isa : coder_isas()) {
    Coder coder(model, isa);
    std::string stream;
    coder.encode(codes, stream);
    require(first.empty() || stream == first);
    first = stream;
    coder.decode(stream, back);
    require(back == codes);
  }
  static_cast<void>(model->bits(codes));
}

const std::shared_ptr<const CodeModel>& known_model() {
  static const auto model = std::make_shared<const CodeModel>(CodeModel::fit(made_images(6, {20, 4, 4}, 3, 100, 200, 1)));
  return model;
}

}  // namespace

/// First byte 0: a stream of a known model; 1: a model; else a model whose hash is mended, with symbols behind it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  try {
    if (data[0] == 0) check_stream(known_model(), bytes);
    else if (data[0] == 1) require(CodeModel::parse(bytes, "fuzz").serialize() == bytes);
    else check_model(std::make_shared<const CodeModel>(CodeModel::parse(std::string(bytes) + sha256(bytes), "fuzz")), bytes);
  } catch (const InvalidArgument&) {}
  return 0;
}
