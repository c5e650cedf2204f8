#include "tune/space.h"

#include "base/error.h"

namespace scissionlite::tune {

Space::Space(std::vector<Dimension> dimensions, IsValid is_valid) : dimensions_(std::move(dimensions)), is_valid_(std::move(is_valid)) {
  if (dimensions_.empty()) throw InvalidArgument("[tune] a space without dimensions; expected the implementation as the first one");
  const auto choices = static_cast<int>(dimensions_[0].values.size());
  for (const auto& dimension : dimensions_)
    if (dimension.values.empty() || dimension.of >= choices)
      throw InvalidArgument("[tune] dimension '" + dimension.name + "' has no values or belongs to no implementation");
  offsets_ = {0};
  for (int first = 0; first < choices; ++first) {
    uint64_t size = 1;
    for (const auto d : counting(first)) size *= dimensions_[d].values.size();
    offsets_.push_back(offsets_.back() + size);
  }
}

std::vector<size_t> Space::counting(int first) const {
  std::vector<size_t> out;
  for (size_t d = 1; d < dimensions_.size(); ++d)
    if (dimensions_[d].of < 0 || dimensions_[d].of == first) out.push_back(d);
  return out;
}

uint64_t Space::count_valid() const {
  uint64_t count = 0;
  for (uint64_t i = 0; i < size(); ++i) count += is_valid(at(i));
  return count;
}

Config Space::at(uint64_t index) const {
  Config config(dimensions_.size(), 0);
  while (index >= offsets_[static_cast<size_t>(config[0]) + 1]) ++config[0];
  index -= offsets_[static_cast<size_t>(config[0])];
  for (const auto d : counting(config[0])) {
    const uint64_t size = dimensions_[d].values.size();
    config[d] = static_cast<int>(index % size);
    index /= size;
  }
  return config;
}

uint64_t Space::index(const Config& config) const {
  uint64_t index = 0, weight = 1;
  for (const auto d : counting(config[0])) {
    index += weight * static_cast<uint64_t>(config[d]);
    weight *= dimensions_[d].values.size();
  }
  return offsets_[static_cast<size_t>(config[0])] + index;
}

bool Space::is_valid(const Config& config) const {
  if (config.size() != dimensions_.size()) return false;
  for (size_t d = 0; d < config.size(); ++d)
    if (config[d] < 0 || config[d] >= static_cast<int>(dimensions_[d].values.size()) || (config[d] > 0 && !counts(config, d))) return false;
  return !is_valid_ || is_valid_(config);
}

Config Space::settled(Config config) const {
  for (size_t d = 1; d < config.size(); ++d)
    if (!counts(config, d)) config[d] = 0;
  return config;
}

std::optional<Config> Space::random(Rng& rng) const {
  constexpr int kTries = 64;
  for (int i = 0; i < kTries; ++i)
    if (auto config = at(rng.below(size())); is_valid(config)) return config;
  const uint64_t valid = count_valid();
  uint64_t skip = valid ? rng.below(valid) : 0;
  for (uint64_t i = 0; valid && i < size(); ++i)
    if (auto config = at(i); is_valid(config) && skip-- == 0) return config;
  return std::nullopt;
}

std::vector<Config> Space::neighbours(const Config& config) const {
  std::vector<Config> out;
  const auto offer = [&](Config other) {
    if (is_valid(other)) out.push_back(std::move(other));
  };
  for (size_t d = 1; d < config.size(); ++d)
    for (const int step : {-1, 1}) {
      Config other = config;
      other[d] += step;
      if (counts(config, d)) offer(std::move(other));
    }
  for (int first = 0; first < static_cast<int>(dimensions_[0].values.size()); ++first) {
    Config other = config;
    other[0] = first;
    for (size_t d = 1; d < config.size(); ++d)
      if (dimensions_[d].of == first) other[d] = static_cast<int>(dimensions_[d].values.size() / 2);
    if (first != config[0]) offer(settled(std::move(other)));
  }
  return out;
}

}  // namespace scissionlite::tune
