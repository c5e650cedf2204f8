// PGM and PPM, as text (P2, P3) and binary (P5, P6), up to 16 bits.
#include "decode_internal.h"

#include <cctype>

namespace scissionlite::vision {
namespace {

constexpr int64_t kLargestNumber = int64_t{1} << 31;

/// Reads numbers between white space and comments.
struct Scanner {
  const DecodeJob& job;
  size_t at = 2;

  [[nodiscard]] bool done() const { return at >= job.bytes.size(); }
  [[nodiscard]] char peek() const { return job.bytes[at]; }
  void skip_blanks() {
    while (!done() && (std::isspace(static_cast<unsigned char>(peek())) || peek() == '#')) {
      if (peek() == '#')
        while (!done() && peek() != '\n') ++at;
      else ++at;
    }
  }
  int64_t number(const char* what) {
    skip_blanks();
    if (done()) job.fail(std::string("truncated PPM or PGM (") + what + " is missing)");
    if (!std::isdigit(static_cast<unsigned char>(peek()))) job.fail(std::string("damaged PPM or PGM (") + what + " is not a number)");
    int64_t value = 0;
    for (; !done() && std::isdigit(static_cast<unsigned char>(peek())); ++at) {
      value = value * 10 + (peek() - '0');
      if (value > kLargestNumber) job.fail(std::string("damaged PPM or PGM (") + what + " is too large)");
    }
    return value;
  }
};

struct Pnm {
  int64_t width, height, most;
  int channels;
  bool is_text;
};

Pnm read_header(Scanner& in) {
  const char kind = in.job.bytes[1];
  Pnm pnm{};
  pnm.is_text = kind == '2' || kind == '3';
  pnm.channels = kind == '3' || kind == '6' ? 3 : 1;
  pnm.width = in.number("the width"), pnm.height = in.number("the height");
  in.job.check_size(pnm.width, pnm.height);
  pnm.most = in.number("the largest value");
  if (pnm.most < 1 || pnm.most > 65535)
    in.job.fail("damaged PPM or PGM (the largest value is " + std::to_string(pnm.most) + ", expected 1 to 65535)");
  return pnm;
}

uint8_t to_8_bit(int64_t value, int64_t most) { return static_cast<uint8_t>((std::min(value, most) * 255 + most / 2) / most); }

/// Samples in file order, (height, width, channels).
std::vector<uint8_t> read_samples(Scanner& in, const Pnm& pnm) {
  const auto count = static_cast<size_t>(pnm.width * pnm.height * pnm.channels);
  const size_t size = pnm.is_text ? 2 : pnm.most > 255 ? 2 : 1;  // at least: a digit and a blank
  if (!pnm.is_text) ++in.at;                                     // one blank ends the header
  const size_t left = in.done() ? 0 : in.job.bytes.size() - in.at;
  if (left + (pnm.is_text ? 1 : 0) < count * size)
    in.job.fail("truncated PPM or PGM (" + std::to_string(count) + " samples are expected, " + std::to_string(left) + " bytes are left)");
  std::vector<uint8_t> samples(count);
  const auto* bytes = reinterpret_cast<const uint8_t*>(in.job.bytes.data()) + in.at;
  for (size_t i = 0; i < count; ++i) {
    const int64_t value = pnm.is_text ? in.number("a sample") : size == 1 ? bytes[i] : bytes[2 * i] << 8 | bytes[2 * i + 1];
    samples[i] = to_8_bit(value, pnm.most);
  }
  return samples;
}

std::vector<uint8_t> repeat_grey(const std::vector<uint8_t>& grey) {
  std::vector<uint8_t> rgb(grey.size() * 3);
  for (size_t i = 0; i < grey.size(); ++i) rgb[3 * i] = rgb[3 * i + 1] = rgb[3 * i + 2] = grey[i];
  return rgb;
}

}  // namespace

Decoded decode_pnm(const DecodeJob& job) {
  Scanner in{job};
  const Pnm pnm = read_header(in);
  auto samples = read_samples(in, pnm);
  Decoded out;
  out.image = {static_cast<int>(pnm.width), static_cast<int>(pnm.height), pnm.channels == 3 ? std::move(samples) : repeat_grey(samples)};
  return out;
}

}  // namespace scissionlite::vision
