// Generated kernels against what the engine has without them, problem by problem: convolutions against the usual choice and oneDNN's on the
// same blocked layout, chains of a depthwise and a 1x1 convolution against these one by one and in bands, poolings and strips against our own loops.
// Every choice of a problem is made first and compared with the first one's output; then rounds go through all of them in turns; medians, and the
// least, which a busy machine disturbs less.
//   generated_speed CASES.txt [--threads N] [--rounds N]      one JSON line a problem
// A case: "conv mb1ic64ih56oc64kh3ph1 algorithm=0 tile_x=6 vectors=2", "chain conv ... + conv ... rows=4", "pool max ... tile_x=4", "strip ...; Mul
// %0 %1 vectors=4"; knobs that are left out are the usual ones. Lines of one problem stand together.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/rng.h"
#include "base/stats.h"
#include "base/text.h"
#include "kernels/conv/panels.h"
#include "kernels/generated/chain_kernel.h"
#include "kernels/generated/pool_kernel.h"
#include "kernels/generated/strip_kernel.h"
#include "kernels/vector/loops.h"
#include "problems.h"
#include "tune/generating.h"

namespace scissionlite {
namespace {

using kernels::AlignedFloats;
using kernels::ConvProblem;

constexpr double kRoundUs = 300;     // each turn is at least so long: below a time slice of a busy machine
constexpr float kMostError = 1e-3F;  // of the largest value

AlignedFloats random_floats(Rng& rng, int64_t count) {
  AlignedFloats out(count);
  for (int64_t i = 0; i < count; ++i) out.data()[i] = static_cast<float>(rng.uniform(-1, 1));
  return out;
}

struct Candidate {
  std::string name;
  std::function<void()> run;
  std::string failure;
  std::vector<double> times_us;
};

/// Choices of one problem, which all write the same output.
class Comparison {
 public:
  Comparison(std::string problem, int threads) : problem_(std::move(problem)), threads_(threads) {}
  virtual ~Comparison() = default;
  /// A generated kernel with these knobs, the rest of them usual ones.
  void add_generated(const kernels::Knobs& knobs) {
    auto plan = kernels::KernelPlan{problem_, kernels::kernel_kind_of(problem_).usual(problem_, loops_.lanes), kernels::target_of(loops_)};
    for (const auto& [name, value] : knobs) plan.knobs[name] = value;
    add(kernels::describe("generated", plan.knobs), [&] { return generated(plan); });
  }

  [[nodiscard]] Json run(int rounds) {
    for (int round = 0; round < rounds; ++round)
      for (auto& c : candidates_)
        if (c.failure.empty()) c.times_us.push_back(run_us(c, repeats_));
    Json row{{"problem", problem_}, {"threads", threads_}, {"choices", Json::array()}};
    for (const auto& c : candidates_) {
      Json one{{"choice", c.name}};
      if (c.failure.empty()) one["us"] = median(c.times_us), one["least_us"] = *std::min_element(c.times_us.begin(), c.times_us.end());
      else one["failure"] = c.failure;
      row["choices"].push_back(std::move(one));
    }
    return row;
  }

 protected:
  /// What runs the kernel of the plan.
  [[nodiscard]] virtual std::function<void()> generated(const kernels::KernelPlan& plan) = 0;

  void add(const std::string& name, const std::function<std::function<void()>()>& make) {
    Candidate c{name, nullptr, "", {}};
    try {
      c.run = make();
      (void)run_us(c, 1);
      verify(c);
    } catch (const std::exception& e) { c.failure = e.what(); }
    candidates_.push_back(std::move(c));
  }

  /// Runs a convolution, or several in one, from `x` to `y`.
  [[nodiscard]] std::function<void()> run_of(std::shared_ptr<const kernels::Convolution> conv, const float* x, float* y) const {
    if (conv->takes_plain_input()) throw Unsupported("takes plain input");
    auto scratch = std::make_shared<AlignedFloats>(conv->scratch_floats(threads_));
    return [this, conv, x, y, scratch] { conv->run(x, nullptr, y, scratch->data(), threads_); };
  }

  std::string problem_;
  int threads_;
  const kernels::VectorLoops& loops_ = kernels::best_loops();
  AlignedFloats x_, y_;

 private:
  double run_us(const Candidate& c, int repeats) {
    const double start = Clock::steady().now_us();
    for (int i = 0; i < repeats; ++i) c.run();
    return (Clock::steady().now_us() - start) / repeats;
  }

  void verify(const Candidate& c) {
    if (candidates_.empty()) {
      expected_.assign(y_.data(), y_.data() + y_.size());
      repeats_ = static_cast<int>(std::clamp(kRoundUs / std::max(run_us(c, 2), 1.0), 1.0, 1000.0));
      for (const float v : expected_) largest_ = std::max(largest_, std::abs(v));
    }
    for (size_t i = 0; i < expected_.size(); ++i)
      if (!(std::abs(expected_[i] - y_.data()[i]) <= kMostError * largest_)) throw InternalError("wrong at float " + std::to_string(i));
  }

  int repeats_ = 1;
  std::vector<float> expected_;
  float largest_ = 0;
  std::vector<Candidate> candidates_;
};

class ConvComparison final : public Comparison {
 public:
  ConvComparison(const ConvProblem& p, int threads) : Comparison(p.text(), threads), p_(p) {
    Rng rng(1);
    w_ = random_floats(rng, p.k * (p.c / p.groups) * p.kernel_h * p.kernel_w), bias_ = random_floats(rng, p.k);
    x_ = random_floats(rng, p.n * kernels::round_up(p.c, loops_.lanes) * p.h * p.w);
    y_ = AlignedFloats(p.n * kernels::round_up(p.k, loops_.lanes) * p.out_h() * p.out_w());
    add_choice(kernels::usual_conv(p, loops_));
    for (const auto* row : kernels::conv_implementations())
      if (std::string(row->name) == "onednn" && row->reason_against(p, loops_).empty())
        for (const auto algorithm : row->knobs(p, loops_)[0].values) add_choice({row, {{"algorithm", algorithm}}});
  }

 private:
  void add_choice(const kernels::ConvChoice& choice) {
    add(kernels::describe(choice.implementation->name, choice.knobs), [&] {
      return run_of(choice.implementation->make(p_, {w_.data(), bias_.data()}, {}, choice.knobs, loops_), x_.data(), y_.data());
    });
  }
  std::function<void()> generated(const kernels::KernelPlan& plan) override {
    return run_of(kernels::conv_implementation("generated").make(p_, {w_.data(), bias_.data()}, {}, plan.knobs, loops_), x_.data(), y_.data());
  }
  ConvProblem p_;
  AlignedFloats w_, bias_;
};

/// With a clip in the middle.
class ChainComparison final : public Comparison {
 public:
  ChainComparison(const kernels::ChainPlan& plan, int threads) : Comparison(plan.text(), threads) {
    const auto &d = plan.depthwise, &p = plan.pointwise;
    Rng rng(1);
    filter_ = random_floats(rng, d.k * d.kernel_h * d.kernel_w), w_ = random_floats(rng, p.k * p.c), bias_ = random_floats(rng, std::max(d.k, p.k));
    x_ = random_floats(rng, d.n * kernels::round_up(d.c, loops_.lanes) * d.h * d.w);
    between_ = AlignedFloats(p.n * kernels::round_up(p.c, loops_.lanes) * p.h * p.w),
    y_ = AlignedFloats(p.n * kernels::round_up(p.k, loops_.lanes) * p.h * p.w);
    chain_.depthwise = {d, {filter_.data(), bias_.data()}, {kernels::ActivationKind::kClip, 0, 6}};
    chain_.project = kernels::ChainStage{p, {w_.data(), bias_.data()}, {}};
    add("separate", [this] { return separate(); });
    const auto most = (d.out_h() + threads - 1) / threads;
    for (const int64_t rows : {1, 2, 4, 7, 14, 28})
      if (rows <= most)
        add("chain rows=" + std::to_string(rows), [&] { return run_of(kernels::make_chain(chain_, rows, loops_), x_.data(), y_.data()); });
  }

 private:
  std::function<void()> separate() {
    const auto alone = [&](const kernels::ChainStage& stage, const float* x, float* y) {
      const auto choice = kernels::usual_conv(stage.problem, loops_);
      return run_of(choice.implementation->make(stage.problem, stage.weights, {false, stage.activation}, choice.knobs, loops_), x, y);
    };
    return [first = alone(chain_.depthwise, x_.data(), between_.data()), second = alone(*chain_.project, between_.data(), y_.data())] {
      first(), second();
    };
  }
  std::function<void()> generated(const kernels::KernelPlan& plan) override {
    return run_of(kernels::make_generated_chain(chain_, plan.knobs, kernels::kernel_of(plan), loops_), x_.data(), y_.data());
  }
  kernels::ChainProblem chain_;
  AlignedFloats filter_, w_, bias_, between_;
};

class PoolComparison final : public Comparison {
 public:
  PoolComparison(const kernels::PoolProblem& p, int threads) : Comparison(p.text(), threads), p_(p) {
    Rng rng(1);
    const int64_t planes = p.n * kernels::blocks_of(p.c, loops_.lanes), lanes = loops_.lanes;
    x_ = random_floats(rng, planes * p.h * p.w * lanes), y_ = AlignedFloats(planes * p.out_h * p.out_w * lanes);
    add("vectors", [this] { return run_of(kernels::make_pooling(p_, loops_)); });
  }

 private:
  std::function<void()> run_of(std::shared_ptr<const kernels::Pooling> pooling) {
    return [this, pooling] { pooling->run(x_.data(), y_.data(), threads_); };
  }
  std::function<void()> generated(const kernels::KernelPlan& plan) override {
    return run_of(kernels::make_generated_pooling(p_, plan.knobs, kernels::kernel_of(plan), loops_));
  }
  kernels::PoolProblem p_;
};

class StripComparison final : public Comparison {
 public:
  StripComparison(const kernels::StripProblem& p, int threads) : Comparison(p.text(), threads), p_(p) {
    Rng rng(1);
    const int64_t whole = p.n * kernels::round_up(p.c, loops_.lanes) * p.h * p.w;
    for (const auto& operand : p.operands) {
      operands_.push_back(random_floats(rng, operand.second == kernels::Second::kWhole ? whole : p.floats_of(operand) * (operand.is_own ? p.n : 1)));
      pointers_.push_back(operands_.back().data());
    }
    y_ = AlignedFloats(whole);
    add("vectors", [this] { return run_of(kernels::make_strip(p_.program, kernels::joined_walk(p_, loops_.lanes), loops_, threads_)); });
  }

 private:
  std::function<void()> run_of(std::shared_ptr<const kernels::Strip> strip) {
    auto scratch = std::make_shared<AlignedFloats>(strip->scratch_floats());
    return [this, strip, scratch] { strip->run(pointers_.data(), y_.data(), scratch->data(), threads_); };
  }
  std::function<void()> generated(const kernels::KernelPlan& plan) override {
    return run_of(kernels::make_generated_strip(p_, plan.knobs, kernels::kernel_of(plan), loops_));
  }
  kernels::StripProblem p_;
  std::vector<AlignedFloats> operands_;
  std::vector<const float*> pointers_;
};

std::unique_ptr<Comparison> comparison_of(const std::string& problem, int threads) {
  const std::string kind = kernels::kernel_kind_of(problem).name;
  if (kind == "conv") return std::make_unique<ConvComparison>(kernels::parse_problem(problem), threads);
  if (kind == "chain") return std::make_unique<ChainComparison>(kernels::chain_plan({problem, {}, ""}), threads);
  if (kind == "strip") return std::make_unique<StripComparison>(kernels::parse_strip(problem), threads);
  return std::make_unique<PoolComparison>(kernels::parse_pool(problem), threads);
}

/// A line's words without "=" are the problem, those with one the knobs.
struct Case {
  std::string problem;
  kernels::Knobs knobs;
};
Case case_of(const std::string& line) {
  Case out;
  for (const auto& word : split(line, ' ')) {
    if (word.empty()) continue;
    if (word.find('=') == std::string::npos) out.problem += (out.problem.empty() ? "" : " ") + word;
    else out.knobs.merge(kernels::parse_knobs(word));
  }
  return out;
}

int run(int argc, char** argv) {
  std::map<std::string, int> numbers{{"--threads", 1}, {"--rounds", 51}};
  std::ifstream file;
  if (!read_command(argc, argv, "generated_speed CASES.txt [--threads N] [--rounds N]", numbers, file,
                    [&] { return numbers["--threads"] >= 1 && numbers["--rounds"] >= 1; }))
    return 2;
  const tune::Generating generating(fs::temp_directory_path() / ("generated_speed_" + std::to_string(getpid())), generate::default_tools());
  std::string known;
  std::unique_ptr<Comparison> comparison;
  const auto finish = [&] {
    if (comparison) std::cout << comparison->run(numbers["--rounds"]).dump() << std::endl;
  };
  for (std::string line; std::getline(file, line);) {
    const auto one = case_of(line);
    if (one.problem.empty() || one.problem[0] == '#') continue;
    if (one.problem != known) {
      finish();
      comparison = comparison_of(one.problem, numbers["--threads"]);
      known = one.problem;
    }
    comparison->add_generated(one.knobs);
  }
  finish();
  return 0;
}

}  // namespace
}  // namespace scissionlite

int main(int argc, char** argv) { return scissionlite::main_of("generated_speed", scissionlite::run, argc, argv); }
