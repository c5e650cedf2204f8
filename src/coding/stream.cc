#include "coding/stream.h"

#include <bit>
#include <cstring>

#include "base/error.h"

namespace scissionlite::coding {
namespace {

constexpr uint32_t kTailMask = 0x3ff, kQuietFlag = 0x8000;

[[noreturn]] void damaged(const std::string& what) {
  throw InvalidArgument("[entropy coder] " + what + "; the stream is damaged or of another model");
}

void put_u16(std::string& out, uint32_t value) { out += static_cast<char>(value & 255), out += static_cast<char>(value >> 8 & 255); }
uint32_t get_u16(std::string_view bytes, size_t at) {
  return static_cast<uint8_t>(bytes[at]) | static_cast<uint32_t>(static_cast<uint8_t>(bytes[at + 1])) << 8;
}

/// Bits, lowest first.
struct BitWriter {
  std::string& out;
  uint64_t held = 0;
  int count = 0;
  void put(uint32_t value, int bits) {
    held |= uint64_t{value} << count, count += bits;
    for (; count >= 8; count -= 8, held >>= 8) out += static_cast<char>(held & 255);
  }
  void flush() {
    if (count > 0) put(0, 8 - count);
  }
};
struct BitReader {
  std::string_view bytes;
  size_t at = 0;
  uint64_t held = 0;
  int count = 0;
  uint32_t get(int bits) {
    for (; count < bits; count += 8, ++at) {
      if (at >= bytes.size()) damaged("the stream ends inside its head");
      held |= uint64_t{static_cast<uint8_t>(bytes[at])} << count;
    }
    const auto value = static_cast<uint32_t>(held & ((uint64_t{1} << bits) - 1));
    held >>= bits, count -= bits;
    return value;
  }
};

void put_lanes(const uint32_t* lanes, std::string& out) {
  BitWriter bits{out};
  for (int i = 0; i < kLanes; ++i) bits.put(static_cast<uint32_t>(std::bit_width(lanes[i] >> 16)) - 1, 4);
  for (int i = 0; i < kLanes; ++i) {
    const int length = std::bit_width(lanes[i] >> 16) - 1;
    bits.put((lanes[i] >> 16) & ((1U << length) - 1), length);
  }
  bits.flush();
  for (int i = 0; i < kLanes; ++i) put_u16(out, lanes[i] & 0xffff);
}

/// Returns where the words begin.
size_t get_lanes(std::string_view stream, uint32_t* lanes) {
  BitReader bits{stream, 2};
  int lengths[kLanes];
  for (int& length : lengths) length = static_cast<int>(bits.get(4));
  for (int i = 0; i < kLanes; ++i) lanes[i] = (1U << lengths[i] | bits.get(lengths[i])) << 16;
  if (bits.held != 0) damaged("bits between head and words are not zero");
  if (bits.at + 2 * kLanes > stream.size()) damaged("the stream ends inside its head");
  for (size_t i = 0; i < kLanes; ++i) lanes[i] |= get_u16(stream, bits.at + 2 * i);
  return bits.at + 2 * kLanes;
}

void get_payload(std::string_view stream, uint16_t* payload) {
  const size_t count = (stream.size() - 2) / 2;
  if (stream.size() % 2 != 0 || count < 2 || count > kPayloadWords) damaged("a short stream of " + std::to_string(stream.size()) + " bytes");
  for (size_t i = 0; i < count; ++i) payload[i] = static_cast<uint16_t>(get_u16(stream, 2 + 2 * i));
  if (payload[0] == 0 || (count > 2 && payload[count - 1] == 0)) damaged("a short stream with zeros in its end");
}

}  // namespace

int64_t coded_symbols(const ModelData& data, bool with_quiet) {
  int64_t channels = 0;
  for (int group = 0; group < data.groups; ++group)
    if (!data.quiet[group] || with_quiet) channels += data.channels_of(group);
  return channels * data.shape.positions();
}

void append_stream(const Interleaved& parts, int64_t symbols, std::string& out) {
  put_u16(out, static_cast<uint32_t>(parts.tail) | (parts.with_quiet ? kQuietFlag : 0));
  if (parts.tail < symbols) {
    put_lanes(parts.lanes, out);
    out.append(reinterpret_cast<const char*>(parts.first), static_cast<size_t>(parts.last - parts.first));
    return;
  }
  int count = kPayloadWords;
  while (count > 2 && parts.payload[count - 1] == 0) --count;
  for (int i = 0; i < count; ++i) put_u16(out, parts.payload[i]);
}

Interleaved parse_stream(std::string_view stream, const ModelData& data, std::vector<uint8_t>& words) {
  if (stream.size() < 6) damaged("a stream of " + std::to_string(stream.size()) + " bytes; the shortest has 6");
  const uint32_t head = get_u16(stream, 0);
  if ((head & ~(kTailMask | kQuietFlag)) != 0) damaged("unknown flags in the head");
  Interleaved parts;
  parts.tail = static_cast<int>(head & kTailMask), parts.with_quiet = (head & kQuietFlag) != 0;
  const int64_t symbols = coded_symbols(data, parts.with_quiet);
  if (parts.with_quiet && symbols == coded_symbols(data, false)) damaged("quiet groups in the head of a model that has none");
  if (parts.tail > symbols) damaged("a tail of " + std::to_string(parts.tail) + " symbols where the image has " + std::to_string(symbols));
  size_t begin = stream.size();
  if (parts.tail < symbols) begin = get_lanes(stream, parts.lanes);
  else get_payload(stream, parts.payload);
  const size_t size = stream.size() - begin;
  if (words.size() < size + kSlackBytes) words.resize(size + kSlackBytes);
  if (size > 0) std::memcpy(words.data(), stream.data() + begin, size);
  std::memset(words.data() + size, 0, kSlackBytes);
  parts.first = words.data(), parts.last = words.data() + size;
  return parts;
}

}  // namespace scissionlite::coding
