// A CodeModel as bytes: "SLCODES" and a version byte, fields in little endian, SHA-256 of all before it.
#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "coding/model_data.h"

namespace scissionlite::coding {

std::shared_ptr<const ModelData> sealed(ModelData data);

namespace {

constexpr std::string_view kMagic = "SLCODES\x02";
constexpr size_t kHashBytes = 32;

struct Writer {
  std::string out;
  void u8(uint32_t value) { out += static_cast<char>(value & 255); }
  void u16(uint32_t value) { u8(value), u8(value >> 8); }
  void u32(uint64_t value) { u16(static_cast<uint32_t>(value & 0xffff)), u16(static_cast<uint32_t>(value >> 16)); }
};

struct Reader {
  std::string_view bytes;
  const std::string& where;
  size_t at = 0;
  [[noreturn]] void fail(const std::string& what) const {
    throw InvalidArgument("[code model " + where + "] " + what + " at byte " + std::to_string(at) + "; fit it again with calibrate");
  }
  uint32_t u8() {
    if (at >= bytes.size()) fail("the file ends early");
    return static_cast<uint8_t>(bytes[at++]);
  }
  uint32_t u16() {
    const uint32_t low = u8();
    return low | u8() << 8;
  }
  uint32_t u32() {
    const uint32_t low = u16();
    return low | u16() << 16;
  }
  uint32_t at_most(uint32_t most, uint32_t value, const char* what) const {
    if (value > most) fail(std::string(what) + " is " + std::to_string(value) + ", at most " + std::to_string(most) + " expected");
    return value;
  }
};

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += "0123456789abcdef"[static_cast<uint8_t>(c) >> 4], out += "0123456789abcdef"[c & 15];
  return out;
}
std::string hash_of(std::string_view bytes) {
  Sha256 sha;
  sha.update(bytes);
  return sha.hex();
}
std::string from_hex(const std::string& text) {
  std::string out;
  for (size_t i = 0; i + 1 < text.size(); i += 2) out += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  return out;
}

// One list of the 16-bit fields of a channel, for both ways.
constexpr std::vector<uint16_t> ModelData::*kUnsignedFields[] = {&ModelData::inverse, &ModelData::spread_base, &ModelData::spread_around,
                                                                 &ModelData::spread_before};
constexpr std::vector<int16_t> ModelData::*kSignedFields[] = {&ModelData::multipliers, &ModelData::biases, &ModelData::scales};

void write_block(const Block& block, Writer& to) {
  to.u16(static_cast<uint32_t>(block.terms.size()));
  for (const Term& term : block.terms) to.u8(term.neighbour), to.u16(term.pair);
  to.out.append(reinterpret_cast<const char*>(block.weights.data()), block.weights.size());
}

void read_block(const ModelData& data, Block& block, Reader& from) {
  const auto terms = from.at_most(kMostTerms, from.u16(), "the number of terms");
  const auto pairs = static_cast<uint32_t>(data.padded() / 2);
  for (uint32_t i = 0; i < terms; ++i) {
    const auto neighbour = from.at_most(kNeighbours - 1, from.u8(), "a neighbour");
    block.terms.push_back({static_cast<uint8_t>(neighbour), static_cast<uint16_t>(from.at_most(pairs - 1, from.u16(), "a pair of channels"))});
  }
  if (!std::is_sorted(block.terms.begin(), block.terms.end(), [](const Term& a, const Term& b) { return a.neighbour < b.neighbour; }))
    from.fail("neighbours are out of order");
  const size_t size = size_t{terms} * block.groups * kGroup * 2;
  if (from.bytes.size() - from.at < size) from.fail("the file ends early");
  const auto* weights = reinterpret_cast<const int8_t*>(from.bytes.data()) + from.at;
  block.weights.assign(weights, weights + size);
  from.at += size;
}

void write_curve(const Curve& curve, Writer& to) {
  for (const uint16_t value : curve) to.u16(value);
}
Curve read_curve(Reader& from, const char* what) {
  Curve curve{};
  uint32_t last = 65535;
  for (uint16_t& value : curve) last = value = static_cast<uint16_t>(from.at_most(last, from.u16(), what));
  return curve;
}

std::string write(const ModelData& data) {
  Writer to;
  to.out = kMagic;
  for (const int64_t size : {data.shape.channels, data.shape.rows, data.shape.columns}) to.u32(static_cast<uint64_t>(size));
  for (int64_t k = 0; k < data.shape.channels; ++k) to.u8(data.zeros[k]), to.u8(data.tops[k]);
  for (const uint8_t quiet : data.quiet) to.u8(quiet);
  for (const auto field : kUnsignedFields)
    for (int64_t k = 0; k < data.shape.channels; ++k) to.u16((data.*field)[k]);
  for (const auto field : kSignedFields)
    for (int64_t k = 0; k < data.shape.channels; ++k) to.u16(static_cast<uint16_t>((data.*field)[k]));
  for (int64_t k = 0; k < data.shape.channels; ++k) to.u8(data.fineness[k]);
  for (int64_t i = 0; i < data.shape.channels * kNeighbours; ++i) to.u8(static_cast<uint8_t>(data.own[i]));
  for (const Block& block : data.blocks) write_block(block, to);
  write_curve(data.rate_curve, to), write_curve(data.shape_curve, to);
  return to.out;
}

ModelData read(Reader& from) {
  const int64_t channels = from.u32(), rows = from.u32(), columns = from.u32();
  ModelData data = empty_model({channels, rows, columns}, "code model " + from.where);
  for (int64_t k = 0; k < channels; ++k) {
    data.zeros[k] = static_cast<uint8_t>(from.u8()), data.tops[k] = static_cast<uint8_t>(from.u8());
    from.at_most(data.tops[k], data.zeros[k], "a zero symbol");
  }
  for (uint8_t& quiet : data.quiet) quiet = static_cast<uint8_t>(from.at_most(1, from.u8(), "a mark of a quiet group"));
  for (const auto field : kUnsignedFields)
    for (int64_t k = 0; k < channels; ++k) (data.*field)[k] = static_cast<uint16_t>(from.u16());
  for (const auto field : kSignedFields)
    for (int64_t k = 0; k < channels; ++k) (data.*field)[k] = static_cast<int16_t>(from.u16());
  for (const int16_t scale : data.scales) from.at_most(8192, static_cast<uint32_t>(std::abs(int{scale})), "a scale");
  for (int64_t k = 0; k < channels; ++k) data.fineness[k] = static_cast<uint8_t>(from.at_most(kMostFineness, from.u8(), "the fineness of a channel"));
  for (int64_t i = 0; i < channels * kNeighbours; ++i) data.own[i] = static_cast<int8_t>(from.u8());
  for (Block& block : data.blocks) read_block(data, block, from);
  data.rate_curve = read_curve(from, "a value of the curve of rates");
  data.shape_curve = read_curve(from, "a value of the curve of shape");
  if (data.shape_curve[0] != kHalf || data.shape_curve[kCurvePieces] != 0) from.fail("the curve of shape does not fall from a half to nothing");
  return data;
}

}  // namespace

std::shared_ptr<const ModelData> sealed(ModelData data) {
  finish(data);
  data.hash = hash_of(write(data));
  return std::make_shared<const ModelData>(std::move(data));
}

std::string CodeModel::serialize() const { return write(*data_) + from_hex(data_->hash); }

CodeModel CodeModel::parse(std::string_view bytes, const std::string& where) {
  Reader from{bytes.substr(0, bytes.size() - std::min(bytes.size(), kHashBytes)), where};
  if (bytes.substr(0, 7) != kMagic.substr(0, 7)) from.fail("not a code model");
  if (bytes.size() < kMagic.size() + kHashBytes) from.fail("the file ends early");
  if (bytes[7] != kMagic[7]) from.fail("version " + std::to_string(static_cast<uint8_t>(bytes[7])) + " instead of 2");
  if (hash_of(from.bytes) != hex(bytes.substr(bytes.size() - kHashBytes))) from.fail("the SHA-256 does not fit the bytes");
  from.at = kMagic.size();
  ModelData data = read(from);
  if (from.at != from.bytes.size()) from.fail("bytes are left over");
  return CodeModel(sealed(std::move(data)));
}

}  // namespace scissionlite::coding
