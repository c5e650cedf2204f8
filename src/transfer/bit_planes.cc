#include "transfer/bit_planes.h"

#include <vector>

namespace scissionlite::transfer {
namespace {

struct Plane {
  int shift, width;  // bits [shift, shift + width) of a number
  int64_t bytes;     // a number of them: ceil(count * width / 8)
  [[nodiscard]] int per_byte() const { return 8 / width; }
};

std::vector<Plane> planes_of(int64_t count, int bits) {
  std::vector<Plane> planes;
  int shift = 0;
  for (const int width : {4, 2, 1})
    if (bits & width) planes.push_back({shift, width, (count * width + 7) / 8}), shift += width;
  return planes;
}

/// floor(x / 2^power), exact: half a unit keeps rounding away from whole numbers.
std::string shifted_down(GraphBuilder& build, const std::string& x, int power) {
  if (power == 0) return x;
  return build.floor(build.mul(build.add(x, build.scalar(0.5F)), build.scalar(1.0F / static_cast<float>(1 << power))));
}

/// x modulo 2^power.
std::string lowest_bits(GraphBuilder& build, const std::string& x, int power) {
  return build.sub(x, build.mul(shifted_down(build, x, power), build.scalar(static_cast<float>(1 << power))));
}

std::string pack_plane(GraphBuilder& build, const std::string& levels, int64_t count, const Plane& plane, bool is_last) {
  auto part = shifted_down(build, levels, plane.shift);
  if (!is_last) part = lowest_bits(build, part, plane.width);
  const int64_t padding = plane.bytes * plane.per_byte() - count;
  part = build.reshape(part, {-1, count, 1, 1});
  if (padding > 0) part = build.pad_channels(part, padding);
  std::string bytes;
  for (int slot = 0; slot < plane.per_byte(); ++slot) {
    auto numbers = build.slice(part, 1, slot * plane.bytes, (slot + 1) * plane.bytes);
    if (slot > 0) numbers = build.mul(numbers, build.scalar(static_cast<float>(1 << (slot * plane.width))));
    bytes = slot == 0 ? numbers : build.add(bytes, numbers);
  }
  return build.reshape(bytes, {-1, plane.bytes});
}

std::string unpack_plane(GraphBuilder& build, const std::string& bytes, int64_t count, const Plane& plane) {
  std::vector<std::string> slots;
  for (int slot = 0; slot < plane.per_byte(); ++slot) {
    const auto above = shifted_down(build, bytes, slot * plane.width);
    slots.push_back(slot + 1 == plane.per_byte() ? above : lowest_bits(build, above, plane.width));
  }
  const auto all = build.concat(slots, 1);
  return plane.bytes * plane.per_byte() == count ? all : build.slice(all, 1, 0, count);
}

}  // namespace

int64_t packed_bytes(int64_t count, int bits) {
  int64_t bytes = 0;
  for (const auto& plane : planes_of(count, bits)) bytes += plane.bytes;
  return bytes;
}

std::string pack_bits(GraphBuilder& build, const std::string& levels, int64_t count, int bits) {
  const auto planes = planes_of(count, bits);
  std::vector<std::string> parts;
  for (size_t i = 0; i < planes.size(); ++i) parts.push_back(pack_plane(build, levels, count, planes[i], i + 1 == planes.size()));
  return parts.size() == 1 ? parts[0] : build.concat(parts, 1);
}

std::string unpack_bits(GraphBuilder& build, const std::string& bytes, int64_t count, int bits) {
  const auto planes = planes_of(count, bits);
  std::string sum;
  int64_t from = 0;
  for (const auto& plane : planes) {
    const auto mine = planes.size() == 1 ? bytes : build.slice(bytes, 1, from, from + plane.bytes);
    auto numbers = unpack_plane(build, mine, count, plane);
    if (plane.shift > 0) numbers = build.mul(numbers, build.scalar(static_cast<float>(1 << plane.shift)));
    sum = sum.empty() ? numbers : build.add(sum, numbers);
    from += plane.bytes;
  }
  return sum;
}

}  // namespace scissionlite::transfer
