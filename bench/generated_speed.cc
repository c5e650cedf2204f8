// Generated kernels against the usual choice and oneDNN's on the same blocked layout, problem by problem. Every choice of a problem is made
// first and compared with the usual one's output; then rounds go through all of them in turns; medians, and the least,
// which a busy machine disturbs less.
//   generated_speed CASES.txt [--threads N] [--rounds N]      one JSON line a problem
// A case: "conv mb1ic64ih56oc64kh3ph1 algorithm=0 tile_x=6 vectors=2"; knobs that are left out are the usual ones. Lines of one problem
// stand together.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/rng.h"
#include "base/stats.h"
#include "kernels/conv/panels.h"
#include "kernels/vector/loops.h"
#include "problems.h"
#include "tune/generating.h"

namespace scissionlite {
namespace {

using kernels::AlignedFloats;
using kernels::ConvChoice;
using kernels::ConvProblem;

constexpr double kRoundUs = 300;  // each turn is at least so long: below a time slice of a busy machine
constexpr float kMostError = 1e-3F;  // of the largest value

/// A choice's convolution; input and output are shared by all of a problem.
struct Candidate {
  ConvChoice choice;
  std::unique_ptr<kernels::Convolution> conv;
  AlignedFloats scratch;
  std::string failure;
  std::vector<double> times_us;
};

class Comparison {
 public:
  Comparison(const ConvProblem& p, int threads) : p_(p), threads_(threads), loops_(kernels::best_loops()) {
    Rng rng(1);
    const auto fill = [&](AlignedFloats& to, int64_t count) {
      to = AlignedFloats(count);
      for (int64_t i = 0; i < count; ++i) to.data()[i] = static_cast<float>(rng.uniform(-1, 1));
    };
    fill(w_, p.k * (p.c / p.groups) * p.kernel_h * p.kernel_w);
    fill(bias_, p.k);
    fill(x_, p.n * kernels::round_up(p.c, loops_.lanes) * p.h * p.w);
    y_ = AlignedFloats(p.n * kernels::round_up(p.k, loops_.lanes) * p.out_h() * p.out_w());
    add(kernels::usual_conv(p, loops_));
    for (const auto* row : kernels::conv_implementations())
      if (std::string(row->name) == "onednn" && row->reason_against(p, loops_).empty()) {
        const auto algorithms = row->knobs(p, loops_)[0].values;
        for (const auto algorithm : algorithms) add({row, {{"algorithm", algorithm}}});
      }
  }

  void add(const ConvChoice& choice) {
    Candidate c{choice, nullptr, {}, "", {}};
    try {
      c.conv = choice.implementation->make(p_, {w_.data(), bias_.data()}, {}, choice.knobs, loops_);
      if (c.conv->takes_plain_input()) throw Unsupported("takes plain input");
      c.scratch = AlignedFloats(c.conv->scratch_floats(threads_));
      (void)run_us(c, 1);
      verify(c);
    } catch (const std::exception& e) {
      c.failure = e.what();
    }
    candidates_.push_back(std::move(c));
  }

  [[nodiscard]] Json run(int rounds) {
    for (int round = 0; round < rounds; ++round)
      for (auto& c : candidates_)
        if (c.failure.empty()) c.times_us.push_back(run_us(c, repeats_));
    Json row{{"problem", p_.text()}, {"threads", threads_}, {"choices", Json::array()}};
    for (const auto& c : candidates_) {
      Json one{{"choice", kernels::describe(c.choice.implementation->name, c.choice.knobs)}};
      if (c.failure.empty()) one["us"] = median(c.times_us), one["least_us"] = *std::min_element(c.times_us.begin(), c.times_us.end());
      else one["failure"] = c.failure;
      row["choices"].push_back(std::move(one));
    }
    return row;
  }

 private:
  double run_us(Candidate& c, int repeats) {
    const double start = Clock::steady().now_us();
    for (int i = 0; i < repeats; ++i) c.conv->run(x_.data(), nullptr, y_.data(), c.scratch.data(), threads_);
    return (Clock::steady().now_us() - start) / repeats;
  }

  void verify(Candidate& c) {
    if (candidates_.empty()) {
      expected_.assign(y_.data(), y_.data() + y_.size());
      repeats_ = static_cast<int>(std::clamp(kRoundUs / std::max(run_us(c, 2), 1.0), 1.0, 1000.0));
      for (const float v : expected_) largest_ = std::max(largest_, std::abs(v));
    }
    for (size_t i = 0; i < expected_.size(); ++i)
      if (!(std::abs(expected_[i] - y_.data()[i]) <= kMostError * largest_)) throw InternalError("wrong at float " + std::to_string(i));
  }

  ConvProblem p_;
  int threads_, repeats_ = 1;
  const kernels::VectorLoops& loops_;
  AlignedFloats w_, bias_, x_, y_;
  std::vector<float> expected_;
  float largest_ = 0;
  std::vector<Candidate> candidates_;
};

kernels::Knobs knobs_of(const ConvProblem& p, std::istringstream& words) {
  auto knobs = kernels::conv_implementation("generated").usual(p, kernels::best_loops());
  for (std::string word; words >> word;)
    for (const auto& [name, value] : kernels::parse_knobs(word)) knobs[name] = value;
  return knobs;
}

int run(int argc, char** argv) {
  std::map<std::string, int> numbers{{"--threads", 1}, {"--rounds", 51}};
  std::ifstream file;
  if (!read_command(argc, argv, "generated_speed CASES.txt [--threads N] [--rounds N]", numbers, file, [&] { return numbers["--threads"] >= 1 && numbers["--rounds"] >= 1; })) return 2;
  const int threads = numbers["--threads"], rounds = numbers["--rounds"];
  const tune::Generating generating(fs::temp_directory_path() / ("generated_speed_" + std::to_string(getpid())), generate::default_tools());
  std::string known;
  std::optional<Comparison> comparison;
  for_each_problem(file, [&](const ConvProblem& p, std::istringstream& words) {
    if (p.text() != known) {
      if (comparison) std::cout << comparison->run(rounds).dump() << std::endl;
      comparison.emplace(p, threads);
      known = p.text();
    }
    comparison->add({&kernels::conv_implementation("generated"), knobs_of(p, words)});
  });
  if (comparison) std::cout << comparison->run(rounds).dump() << std::endl;
  return 0;
}

}  // namespace
}  // namespace scissionlite

int main(int argc, char** argv) { return scissionlite::main_of("generated_speed", scissionlite::run, argc, argv); }
