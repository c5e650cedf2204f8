#include "tune/searcher.h"

namespace scissionlite::tune {
namespace {

class RandomSearcher final : public Searcher {
 public:
  RandomSearcher(const Space& space, uint64_t seed) : known_(space), rng_(seed) {}
  [[nodiscard]] std::optional<Config> next() override { return known_.draw(rng_); }
  void tell(const Config& config, const Outcome&) override { known_.add(config); }

 private:
  Known known_;
  Rng rng_;
};

}  // namespace

std::unique_ptr<Searcher> make_random_searcher(const Space& space, uint64_t seed) { return std::make_unique<RandomSearcher>(space, seed); }

}  // namespace scissionlite::tune
