#include "train/rare/two_classes.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/rng.h"
#include "base/text.h"

namespace scissionlite::train {
namespace {

void shuffle(std::vector<int64_t>& values, Rng& rng) {
  for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[rng.below(i)]);
}

bool holds(const std::vector<int64_t>& classes, int64_t label) { return std::find(classes.begin(), classes.end(), label) != classes.end(); }

/// Those of `of` that are positive, or that are not, in a random order.
std::vector<int64_t> part_of(const std::vector<int64_t>& of, const std::vector<char>& is_positive, bool wanted, Rng& rng) {
  std::vector<int64_t> out;
  for (size_t i = 0; i < of.size(); ++i)
    if ((is_positive[i] != 0) == wanted) out.push_back(of[i]);
  shuffle(out, rng);
  return out;
}

/// An endless sequence of all of some values, each time in another order.
class Cycle {
 public:
  Cycle(std::vector<int64_t> values, uint64_t seed, int64_t first) : values_(std::move(values)), seed_(seed), next_(first) {}
  [[nodiscard]] bool empty() const { return values_.empty(); }
  int64_t next() {
    const auto size = static_cast<int64_t>(values_.size()), round = next_ / size;
    if (round != round_) {
      order_ = values_;
      Rng rng(Rng(seed_).next() ^ static_cast<uint64_t>(round));
      shuffle(order_, rng);
      round_ = round;
    }
    return order_[static_cast<size_t>(next_++ % size)];
  }

 private:
  std::vector<int64_t> values_, order_;
  uint64_t seed_;
  int64_t next_, round_ = -1;
};

}  // namespace

TwoClasses::TwoClasses(std::shared_ptr<const Dataset> images, std::vector<int64_t> positive_classes, std::vector<int64_t> which)
    : images_(std::move(images)), which_(std::move(which)) {
  for (const auto index : which_) is_positive_.push_back(holds(positive_classes, images_->label(index)));
}

Example TwoClasses::get(int64_t index, Rng* rng) const {
  auto out = images_->get(which_[static_cast<size_t>(index)], rng);
  out.label = label(index);
  return out;
}

std::string TwoClasses::identity() const {
  Sha256 hash;
  hash.update(images_->identity());
  for (size_t i = 0; i < which_.size(); ++i) hash.update(std::to_string(which_[i]) + (is_positive_[i] ? "+" : "-"));
  return hash.hex();
}

int64_t TwoClasses::positives() const { return std::count(is_positive_.begin(), is_positive_.end(), 1); }

std::vector<int64_t> labelled(const Dataset& images) {
  std::vector<int64_t> out;
  for (int64_t i = 0; i < images.size(); ++i)
    if (images.label(i) >= 0) out.push_back(i);
  return out;
}

void check_both_classes(const std::string& what, int64_t images, int64_t positives) {
  if (positives == 0 || positives == images)
    throw InvalidArgument("[train] " + std::to_string(positives) + " of " + std::to_string(images) + " " + what +
                          " are positive; both positive and negative ones are needed");
}

std::vector<int64_t> with_positive_share(const std::vector<int64_t>& of, const std::vector<char>& is_positive, double share, uint64_t seed) {
  if (!(share > 0 && share < 1))
    throw InvalidArgument("[train] a share of positives of " + format_fixed(share, 4) + "; expected one between 0 and 1");
  Rng rng(seed);
  auto positives = part_of(of, is_positive, true, rng);
  const auto negatives = part_of(of, is_positive, false, rng);
  const auto wanted = std::llround(share / (1 - share) * static_cast<double>(negatives.size()));
  if (wanted < 1 || wanted > static_cast<int64_t>(positives.size()))
    throw InvalidArgument("[train] " + format_fixed(100 * share, 3) + " % of positives beside " + std::to_string(negatives.size()) +
                          " negative images are " + std::to_string(wanted) + "; there are " + std::to_string(positives.size()));
  positives.resize(static_cast<size_t>(wanted));
  positives.insert(positives.end(), negatives.begin(), negatives.end());
  std::sort(positives.begin(), positives.end());
  return positives;
}

std::vector<std::vector<int64_t>> divide(const std::vector<int64_t>& of, const std::vector<char>& is_positive, int members, double skew,
                                         uint64_t seed) {
  if (members < 1 || static_cast<int64_t>(of.size()) < members)
    throw InvalidArgument("[train] " + std::to_string(members) + " members cannot share " + std::to_string(of.size()) +
                          " images; give at most as many members as images");
  if (!(skew >= 0 && skew <= 1)) throw InvalidArgument("[train] a skew of " + format_fixed(skew, 3) + "; expected 0 (alike) to 1");
  Rng rng(seed);
  std::vector<std::vector<int64_t>> out(static_cast<size_t>(members));
  const auto positives = part_of(of, is_positive, true, rng), negatives = part_of(of, is_positive, false, rng);
  const auto count = static_cast<double>(positives.size());
  // From equal parts to parts that halve from member to member.
  std::vector<double> weights;
  double total = 0;
  for (int rank = 0; rank < members; ++rank) weights.push_back(std::pow(1 - 0.5 * skew, rank)), total += weights.back();
  double until = 0;
  size_t at = 0;
  for (int rank = 0; rank < members; ++rank) {
    until += weights[static_cast<size_t>(rank)] / total * count;
    const size_t end = rank + 1 == members ? positives.size() : std::min(positives.size(), static_cast<size_t>(std::llround(until)));
    while (at < end) out[static_cast<size_t>(rank)].push_back(positives[at++]);
  }
  for (const auto index : negatives) {  // all members have as many images, as far as that goes
    auto& least = *std::min_element(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.size() < b.size(); });
    least.push_back(index);
  }
  for (auto& part : out) std::sort(part.begin(), part.end());
  if (const auto none = std::find_if(out.begin(), out.end(), [](const auto& part) { return part.empty(); }); none != out.end())
    throw InvalidArgument("[train] a skew of " + format_fixed(skew, 2) + " leaves member " + std::to_string(none - out.begin()) + " of " +
                          std::to_string(members) + " without an image; give a lower one, more images, or fewer members");
  return out;
}

std::function<std::vector<int64_t>(int64_t epoch)> balanced_order(std::vector<char> is_positive, int64_t batch_size, int64_t positives,
                                                                  uint64_t seed) {
  std::vector<int64_t> of_class[2];
  for (size_t i = 0; i < is_positive.size(); ++i) of_class[is_positive[i] != 0].push_back(static_cast<int64_t>(i));
  const int64_t batches = (static_cast<int64_t>(is_positive.size()) + batch_size - 1) / batch_size;
  if (of_class[0].empty()) positives = batch_size;
  if (of_class[1].empty()) positives = 0;
  return [=](int64_t epoch) {
    Cycle some(of_class[1], seed, epoch * batches * positives), others(of_class[0], seed + 1, epoch * batches * (batch_size - positives));
    Rng rng(Rng(seed + 2).next() ^ static_cast<uint64_t>(epoch));
    std::vector<int64_t> out;
    for (int64_t b = 0; b < batches; ++b) {
      std::vector<int64_t> batch;
      for (int64_t i = 0; i < batch_size; ++i) batch.push_back(i < positives ? some.next() : others.next());
      shuffle(batch, rng);
      out.insert(out.end(), batch.begin(), batch.end());
    }
    return out;
  };
}

}  // namespace scissionlite::train
