#include "train/rare/objective.h"

#include "base/error.h"
#include "base/text.h"

namespace scissionlite::train {
namespace {

/// Of each image, in a way that no score is too large for.
torch::Tensor cross_entropies(const torch::Tensor& logit, const torch::Tensor& is_positive) { return at::softplus(logit) - logit * is_positive; }

class CrossEntropy final : public Objective {
 public:
  explicit CrossEntropy(const ObjectiveOptions&) {}
  [[nodiscard]] torch::Tensor loss(const torch::Tensor& logit, const torch::Tensor& is_positive) override {
    return cross_entropies(logit, is_positive).mean();
  }
};

class WeightedCrossEntropy final : public Objective {
 public:
  explicit WeightedCrossEntropy(const ObjectiveOptions& options)
      : of_positives_(0.5 / options.positive_rate), of_negatives_(0.5 / (1 - options.positive_rate)) {}
  [[nodiscard]] torch::Tensor loss(const torch::Tensor& logit, const torch::Tensor& is_positive) override {
    return (cross_entropies(logit, is_positive) * (is_positive * (of_positives_ - of_negatives_) + of_negatives_)).mean();
  }

 private:
  double of_positives_, of_negatives_;
};

class Focal final : public Objective {
 public:
  explicit Focal(const ObjectiveOptions& options) : focus_(options.focus) {
    if (!(focus_ >= 0)) throw InvalidArgument("[train] the focal loss's exponent is " + format_fixed(focus_, 3) + "; expected at least 0");
  }
  [[nodiscard]] torch::Tensor loss(const torch::Tensor& logit, const torch::Tensor& is_positive) override {
    const auto entropies = cross_entropies(logit, is_positive);
    const auto wrong = (-at::expm1(-entropies)).clamp_min(kLeastWrong);
    return (at::pow(wrong, focus_) * entropies).mean();
  }

 private:
  /// What float32 rounds to 0 or below counts as this: a power below 1 has no gradient at 0. It changes no share that float32 tells apart from 1.
  static constexpr double kLeastWrong = 1e-12;
  double focus_;
};

/// F = (1 - p) (h - a)^2 1+ + p (h - b)^2 1- + 2 (m + alpha) (p h 1- - (1 - p) h 1+) - p (1 - p) alpha^2, minimised over the model, a and b and
/// maximised over alpha, where it is p (1 - p) (E[(m - h+ + h-)^2] - m^2). Source: Guo et al., Communication-Efficient Distributed Stochastic AUC
/// Maximization with Deep Neural Networks, ICML 2020 (arXiv 2005.02426), Eq. 3; differs in: a margin m, and cross-entropy beside it where it has a
/// weight. The area says where scores are wrong by pairs, and little of how far: with cross-entropy beside it a network learns from its first step.
class AreaUnderCurve final : public Objective {
 public:
  explicit AreaUnderCurve(const ObjectiveOptions& options) : p_(options.positive_rate), margin_(options.margin), entropy_(options.entropy) {
    if (!(margin_ > 0))
      throw InvalidArgument("[train] the margin between positives and negatives is " + format_fixed(margin_, 3) + "; expected more than 0");
    if (!(entropy_ >= 0))
      throw InvalidArgument("[train] the weight of cross-entropy beside the area is " + format_fixed(entropy_, 3) + "; expected at least 0");
  }
  [[nodiscard]] torch::Tensor loss(const torch::Tensor& logit, const torch::Tensor& is_positive) override {
    const auto h = at::sigmoid(logit), is_negative = 1 - is_positive;
    const auto of = [&](const torch::Tensor& value) { return value.to(h.scalar_type()); };
    const auto squares = (1 - p_) * (h - of(a_)).square() * is_positive + p_ * (h - of(b_)).square() * is_negative;
    const auto linear = 2 * (margin_ + of(alpha_)) * (p_ * h * is_negative - (1 - p_) * h * is_positive);
    const auto area = (squares + linear).mean() - p_ * (1 - p_) * of(alpha_).square().squeeze();
    return entropy_ > 0 ? area + entropy_ * cross_entropies(logit, is_positive).mean() : area;
  }
  [[nodiscard]] Values minimised() const override { return {{"auc/a", a_}, {"auc/b", b_}}; }
  [[nodiscard]] Values maximised() const override { return {{"auc/alpha", alpha_}}; }
  void restart(double mean_of_positives, double mean_of_negatives) override {
    torch::NoGradGuard guard;
    alpha_.fill_(mean_of_negatives - mean_of_positives);
  }
  /// Where the model can tell already, a and b of 0 would first pull all scores down to them: their best values are these means.
  void begin(double mean_of_positives, double mean_of_negatives) override {
    restart(mean_of_positives, mean_of_negatives);
    torch::NoGradGuard guard;
    a_.fill_(mean_of_positives), b_.fill_(mean_of_negatives);
  }

 private:
  double p_, margin_, entropy_;
  torch::Tensor a_ = torch::zeros({1}, torch::kFloat).requires_grad_(), b_ = torch::zeros({1}, torch::kFloat).requires_grad_(),
                alpha_ = torch::zeros({1}, torch::kFloat).requires_grad_();
};

struct Kind {
  const char* name;
  std::unique_ptr<Objective> (*make)(const ObjectiveOptions&);
};
constexpr Kind kKinds[] = {
#define SCISSIONLITE_OBJECTIVE(type, name, summary) \
  {name, [](const ObjectiveOptions& options) -> std::unique_ptr<Objective> { return std::make_unique<type>(options); }},
#include "train/rare/objectives.inc"
#undef SCISSIONLITE_OBJECTIVE
};

}  // namespace

std::vector<std::string> objective_names() {
  std::vector<std::string> out;
  for (const auto& kind : kKinds) out.emplace_back(kind.name);
  return out;
}

std::unique_ptr<Objective> make_objective(const std::string& name, const ObjectiveOptions& options) {
  if (!(options.positive_rate > 0 && options.positive_rate < 1))
    throw InvalidArgument("[train] " + format_fixed(100 * options.positive_rate, 3) + " % of the batches are positive; both classes are needed");
  for (const auto& kind : kKinds)
    if (name == kind.name) return kind.make(options);
  throw InvalidArgument("[train] unknown objective '" + name + "'; available: " + join(objective_names()) + did_you_mean(name, objective_names()));
}

}  // namespace scissionlite::train
