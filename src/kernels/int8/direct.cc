// Any convolution of bytes as dot products: a band of input rows is padded once, then read by panels of one to three vectors of
// output channels. Without padding and strides a 1x1 convolution's image is one long row.
//
// Two kinds: pairs of 16-bit values (any weights, exact), and quads of bytes. Where an instruction sums products of bytes in 16 bits,
// weights that could exceed them are cut, and what was cut off is a step of its own (extras): exact too. Weights of seven bits never exceed the
// sum of a pair, and rarely that of the pairs of two steps. Weights of up to seven bits may stay packed in memory (lowbit/packed_weights.h): each
// panel's are unpacked before a band of rows is multiplied by them.
#include <cmath>
#include <cstdlib>

#include "kernels/conv/panels.h"
#include "kernels/int8/band.h"
#include "kernels/int8/buffer.h"
#include "kernels/lowbit/packed_weights.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

constexpr int64_t kSmallImage = 256;  // pixels; below, threads share the channels and not the rows, so that each reads half of the weights

struct Pairs {
  using Value = int16_t;
  using Weight = int16_t;
  using Arguments = Int8PanelArguments;
  static void run(const Int8Loops& loops, const Arguments& a) { loops.panel(a); }
};
struct Quads {
  using Value = uint8_t;
  using Weight = int8_t;
  using Arguments = BytePanelArguments;
  static void run(const Int8Loops& loops, const Arguments& a) { loops.byte_panel(a); }
};

/// The largest magnitude of a weight.
int32_t most_of(const Int8Problem& problem) { return std::max(std::abs(problem.w_least), std::abs(problem.w_most)); }

/// All pixels in rows of what fits a band.
Int8Problem flattened(Int8Problem problem, int64_t value_bytes) {
  auto& p = problem.conv;
  if (!p.is_pointwise()) return problem;
  const int64_t pixels = p.n * p.h * p.w;
  p.n = 1;
  int64_t row = std::max<int64_t>(1, std::min(pixels, l2_bytes() / 8 / (value_bytes * p.c)));
  while (pixels % row != 0 && row > 1) --row;  // whole rows only; h * w has many divisors
  p.w = row, p.h = pixels / row;
  return problem;
}

template <typename Kind>
class Direct final : public Int8Convolution {
  using Value = typename Kind::Value;
  using Weight = typename Kind::Weight;
  using Arguments = typename Kind::Arguments;
  static constexpr int64_t kStep = Arguments::kStep;
  static constexpr bool kIsOfBytes = kStep == 4;

 public:
  /// @param unpacking  of quads whose weights are to stay packed; null: they do not.
  Direct(const Int8Problem& problem, const Int8Weights& weights, const Int8Loops& loops, const LowBitLoops* unpacking = nullptr)
      : problem_(flattened(problem, sizeof(Value))),
        band_(problem_, problem_.conv.c / problem_.conv.groups, l2_bytes() / 4, loops),
        loops_(loops),
        is_in_place_(kIsOfBytes && problem_.conv.is_pointwise() && !problem_.is_x_signed && problem_.conv.c % kStep == 0) {
    const auto& p = problem_.conv;
    group_outputs_ = p.k / p.groups;
    set_runs();
    panels_ = panels_of(blocks_of(group_outputs_, loops.lanes));
    steps_ = static_cast<int64_t>(runs_at_.size()) * run_steps_;
    padded_ = round_up(group_outputs_, loops.lanes);
    w_ = Buffer<Weight>(p.groups * steps_ * padded_ * kStep);
    bias_ = Buffer<int32_t>(p.groups * padded_);
    scale_ = Buffer<float>(p.groups * padded_);
    extras_.resize(static_cast<size_t>(p.groups) * panels_.size());
    for (int64_t g = 0; g < p.groups; ++g) pack(g, weights);
    if constexpr (kIsOfBytes) {
      if (unpacking) keep_packed(*unpacking);
      else if (loops.sums_in_16_bits) cut_weights(p.groups);
    }
  }

  [[nodiscard]] int64_t scratch_bytes(int threads) const override { return thread_bytes() * threads; }

  void run(const uint8_t* x, uint8_t* y, std::byte* scratch, int threads) const override {
    const auto& p = problem_.conv;
    const int64_t bands = (p.out_h() + band_.out_rows() - 1) / band_.out_rows(), panels = static_cast<int64_t>(panels_.size());
    const bool shares_panels = p.n * p.out_h() * p.out_w() <= kSmallImage || p.n * p.groups * bands < threads;
    in_team(threads, [&](const Member& member) {
      auto* unpacked = reinterpret_cast<Weight*>(scratch + member.rank * thread_bytes());
      auto* rows = is_in_place_ ? nullptr : reinterpret_cast<Value*>(reinterpret_cast<std::byte*>(unpacked) + unpacked_bytes_);
      const Range tasks = shares_panels ? Range{0, p.n * p.groups * bands} : share_of(p.n * p.groups * bands, member),
                  mine = shares_panels ? share_of(panels, member) : Range{0, panels};
      if (mine.begin == mine.end) return;
      for (int64_t task = tasks.begin; task < tasks.end; ++task)
        run_band(x, y, task / (p.groups * bands), task / bands % p.groups, task % bands * band_.out_rows(), mine, rows, unpacked);
    });
  }

 private:
  struct Extras {
    std::vector<int64_t> at;  // from the window's first value
    Buffer<Weight> w;         // (extras, vectors, lanes, kStep)
  };

  /// With no holes between taps a kernel row is one run of neighbours.
  void set_runs() {
    const auto& p = problem_.conv;
    const bool is_joined = p.dilation_w == 1;
    run_steps_ = (run_length() + kStep - 1) / kStep;
    for (int64_t i = 0; i < p.kernel_h; ++i)
      for (int64_t j = 0; j < (is_joined ? 1 : p.kernel_w); ++j) runs_at_.push_back(band_.tap_at(i, j));
  }

  void pack(int64_t group, const Int8Weights& weights) {
    const auto& p = problem_.conv;
    const int64_t lanes = loops_.lanes, channels = band_.channels(), taps = p.kernel_h * p.kernel_w, runs_of_row = p.dilation_w == 1 ? 1 : p.kernel_w;
    for (int64_t o = 0; o < group_outputs_; ++o) {
      const int64_t k = group * group_outputs_ + o;
      const auto& panel = panel_with(o / lanes);
      const int64_t values = panel.vectors * lanes * kStep;  // of a step
      Weight* const w = w_.data() + weights_at(group, panel) + (o / lanes - panel.first) * lanes * kStep + o % lanes * kStep;
      uint32_t bias = weights.bias ? static_cast<uint32_t>(weights.bias[k]) : 0;  // sums wrap
      for (int64_t tap = 0; tap < taps; ++tap)
        for (int64_t c = 0; c < channels; ++c) {
          const int64_t run = runs_of_row == 1 ? tap / p.kernel_w : tap, at = (runs_of_row == 1 ? tap % p.kernel_w * channels : 0) + c,
                        step = run * run_steps_ + at / kStep;
          const int16_t weight = weights.w[(k * channels + c) * taps + tap];
          w[step * values + at % kStep] = static_cast<Weight>(weight);
          if (kIsOfBytes) bias -= static_cast<uint32_t>(unsigned_zero(problem_) * weight);
        }
      bias_[group * padded_ + o] = static_cast<int32_t>(bias);
      scale_[group * padded_ + o] = weights.scale[k];
    }
  }

  /// Of three vectors, or two and two, so that none is left with one; short runs in twos.
  [[nodiscard]] std::vector<Panel> panels_of(int64_t blocks) const {
    if (!kIsOfBytes || !is_long()) return cut_panels(blocks, 2);
    std::vector<Panel> panels;
    for (int64_t first = 0; first < blocks;) {
      const int64_t left = blocks - first, vectors = left == 4 ? 2 : std::min<int64_t>(left, 3);
      panels.push_back({.first = first, .vectors = static_cast<int>(vectors)});
      first += vectors;
    }
    return panels;
  }
  /// Whether runs are worth narrow tiles and pairs of steps: below, what begins and ends a tile counts more.
  [[nodiscard]] bool is_long() const { return run_steps_ >= 12; }
  [[nodiscard]] int64_t thread_bytes() const { return unpacked_bytes_ + (is_in_place_ ? 0 : band_.bytes()); }

  /// Packs each panel by itself.
  void keep_packed(const LowBitLoops& unpacking) {
    const auto code = weight_code_of(problem_);
    const int64_t lanes = loops_.lanes, values_of_vector = steps_ * lanes * kStep;
    is_paired_ = loops_.sums_in_16_bits && is_long() && most_of(problem_) <= kMostOfWord / 4;
    for (int64_t g = 0; g < problem_.conv.groups; ++g)
      for (const auto& panel : panels_) {
        const Weight* const w = w_.data() + weights_at(g, panel);
        Buffer<uint8_t> u(panel.vectors * values_of_vector);
        for (int64_t i = 0; i < u.size(); ++i) u[i] = static_cast<uint8_t>(code.u_of(w[i]));
        packed_.emplace_back(u.data(), u.size(), code, unpacking);
        unpacked_bytes_ = std::max(unpacked_bytes_, round_up(u.size(), PackedWeights::unit_values(unpacking)));
      }
    w_ = {};
  }
  /// Unpacks a panel's weights. What steps have too much is 0, which codes need not be able to say.
  const Weight* unpack(const PackedWeights& packed, const Panel& panel, Weight* to) const {
    const int64_t vector = loops_.lanes * kStep, length = run_length();
    packed.unpack(0, steps_ * panel.vectors * vector, reinterpret_cast<int8_t*>(to));
    if (length % kStep != 0)
      for (int64_t run = 1; run <= static_cast<int64_t>(runs_at_.size()); ++run)
        for (int64_t i = (run * run_steps_ - 1) * panel.vectors * vector; i < run * run_steps_ * panel.vectors * vector; ++i)
          if (i % kStep >= length % kStep) to[i] = 0;
    return to;
  }
  /// Values of a run of neighbours.
  [[nodiscard]] int64_t run_length() const { return (problem_.conv.dilation_w == 1 ? problem_.conv.kernel_w : 1) * band_.channels(); }

  [[nodiscard]] const Panel& panel_with(int64_t block) const {
    return *std::find_if(panels_.begin(), panels_.end(), [&](const Panel& panel) { return block < panel.first + panel.vectors; });
  }

  /// Where a panel's weights begin.
  [[nodiscard]] int64_t weights_at(int64_t group, const Panel& panel) const {
    return (group * steps_ * padded_ + steps_ * panel.first * loops_.lanes) * kStep;
  }
  [[nodiscard]] size_t extras_at(int64_t group, size_t panel) const { return static_cast<size_t>(group) * panels_.size() + panel; }

  /// Cuts weights for pairs of steps where few are too large for that, else for single steps.
  void cut_weights(int64_t groups) {
    constexpr int64_t kMostExtras = 8;  // one in so many steps
    const Buffer<Weight> whole = w_.copy();
    for (const bool is_paired : {true, false}) {
      if (is_paired && !is_long()) continue;
      is_paired_ = is_paired;
      int64_t extras = 0;
      for (int64_t g = 0; g < groups; ++g)
        for (size_t i = 0; i < panels_.size(); ++i) extras += cut_panel_weights(g, i);
      if (!is_paired || extras * kMostExtras <= groups * static_cast<int64_t>(panels_.size()) * steps_) return;
      std::copy_n(whole.data(), whole.size(), w_.data());
    }
  }

  /// @return extra steps.
  int64_t cut_panel_weights(int64_t group, size_t i) {
    const int64_t values = panels_[i].vectors * loops_.lanes * kStep;  // of a step
    Weight* const w = w_.data() + weights_at(group, panels_[i]);
    std::vector<Weight> all;
    auto& extras = extras_[extras_at(group, i)];
    extras.at.clear();
    for (int64_t first = 0; first < steps_;) {
      const int64_t left = run_steps_ - first % run_steps_, together = is_paired_ && left >= 2 ? 2 : 1;
      std::vector<Weight> rest(static_cast<size_t>(together * values));
      keep_what_fits(w + first * values, together, values, rest.data());
      for (int64_t s = 0; s < together; ++s) {
        std::vector<Weight> step(rest.begin() + s * values, rest.begin() + (s + 1) * values);
        while (std::any_of(step.begin(), step.end(), [](Weight v) { return v != 0; })) {
          std::vector<Weight> next(step.size());
          keep_what_fits(step.data(), 1, values, next.data());
          extras.at.push_back(runs_at_[static_cast<size_t>((first + s) / run_steps_)] + (first + s) % run_steps_ * kStep);
          all.insert(all.end(), step.begin(), step.end());
          step = std::move(next);
        }
      }
      first += together;
    }
    extras.w = Buffer<Weight>(static_cast<int64_t>(all.size()));
    std::copy(all.begin(), all.end(), extras.w.data());
    return static_cast<int64_t>(extras.at.size());
  }

  /// Takes off what the words of `together` steps have no room for, into `rest`.
  static void keep_what_fits(Weight* w, int64_t together, int64_t values, Weight* rest) {
    for (int64_t v = 0; v < values; v += 2) {
      int room = kMostOfWord;
      for (int64_t s = 0; s < together; ++s)
        for (int64_t k = s * values + v; k < s * values + v + 2; ++k) {
          const int kept = std::min(std::max(static_cast<int>(w[k]), -room), room);
          room -= std::abs(kept);
          rest[k] = static_cast<Weight>(w[k] - kept);
          w[k] = static_cast<Weight>(kept);
        }
    }
  }

  void run_band(const uint8_t* x, uint8_t* y, int64_t n, int64_t group, int64_t first, const Range& panels, Value* rows, Weight* unpacked) const {
    const auto& p = problem_.conv;
    const int64_t count = std::min(band_.out_rows(), p.out_h() - first), lanes = loops_.lanes;
    const Value* from = rows;
    if constexpr (kIsOfBytes) from = is_in_place_ ? x + first * p.w * p.c : rows;
    if (!is_in_place_) band_.fill(x + n * p.h * p.w * p.c, group * band_.channels(), first, count, rows);
    Arguments a;
    a.x_pixel = p.stride_w * band_.channels();
    a.runs_at = runs_at_.data(), a.runs = static_cast<int64_t>(runs_at_.size()), a.steps = run_steps_;
    a.pixels = p.out_w(), a.y_pixel = p.k;
    for (int64_t i = panels.begin; i < panels.end; ++i) {
      const auto& panel = panels_[static_cast<size_t>(i)];
      const auto& extras = extras_[extras_at(group, static_cast<size_t>(i))];
      const int64_t channel = panel.first * lanes;
      if constexpr (kIsOfBytes)
        if (!packed_.empty()) a.w = unpack(packed_[extras_at(group, static_cast<size_t>(i))], panel, unpacked);
      if (packed_.empty()) a.w = w_.data() + weights_at(group, panel);
      if constexpr (kIsOfBytes) a.is_paired = is_paired_;
      a.extras_at = extras.at.data(), a.extras = static_cast<int64_t>(extras.at.size()), a.extra_w = extras.w.data();
      a.vectors = panel.vectors;
      a.bias = bias_.data() + group * padded_ + channel, a.end = end_of(problem_, scale_.data() + group * padded_ + channel);
      a.channels = std::min(group_outputs_ - channel, panel.vectors * lanes);
      const int64_t bytes =
          steps_ * panel.vectors * lanes * kStep * static_cast<int64_t>(sizeof(Weight));  // the same number follows, of the next panel
      const auto* const next = reinterpret_cast<const char*>(a.w) + bytes;
      const int64_t next_bytes =
          i + 1 < panels.end && packed_.empty() ? std::min(bytes, reinterpret_cast<const char*>(w_.data() + w_.size()) - next) : 0;
      for (int64_t row = 0; row < count; ++row) {
        a.next_w = next + next_bytes * row / count;
        a.next_bytes = next_bytes / count;
        a.x = from + band_.window_at(row);
        a.y = y + ((n * p.out_h() + first + row) * p.out_w()) * p.k + group * group_outputs_ + channel;
        Kind::run(loops_, a);
      }
    }
  }

  Int8Problem problem_;
  Band<Value> band_;
  const Int8Loops& loops_;
  bool is_in_place_;        // x is read where it lies
  bool is_paired_ = false;  // two steps are summed in 16 bits
  int64_t group_outputs_ = 0, padded_ = 0, run_steps_ = 0, steps_ = 0;
  std::vector<Panel> panels_;
  std::vector<int64_t> runs_at_;
  Buffer<Weight> w_;                   // (groups, panels, steps, vectors, lanes, kStep); none when they are packed
  std::vector<PackedWeights> packed_;  // (groups, panels), of the same order
  int64_t unpacked_bytes_ = 0;         // a panel's at most
  std::vector<Extras> extras_;         // (groups, panels)
  Buffer<int32_t> bias_;               // (groups, padded)
  Buffer<float> scale_;                // (groups, padded)
};

/// Multiply-adds of a lane in a cycle, where another thread has half of the core: a step of pairs is two instructions, one of quads three, or one
/// with VNNI. The first two as bench/int8_speed measures them.
constexpr double kPairs = 3, kQuads = 4, kVnniQuads = 8;
constexpr int kPairsOfStep = 48;  // of quads: three vectors of eight lanes

/// Cycles at so many multiply-adds of a lane, with lanes that no output uses.
double cycles_at(const Int8Problem& problem, const Int8Loops& loops, double values) {
  const auto& p = problem.conv;
  const int64_t outputs = p.k / p.groups;
  return static_cast<double>(p.macs()) / (values * loops.lanes) * static_cast<double>(round_up(outputs, loops.lanes)) / static_cast<double>(outputs);
}
/// Cycles to unpack a vector of weights.
constexpr double kUnpacked = 3.5;
double cycles_to_unpack(const Int8Problem& problem, const Int8Loops& loops) {
  const auto& p = problem.conv;
  const double bands = std::max(1.0, static_cast<double>(p.n * p.h * p.w * p.c) / (static_cast<double>(l2_bytes()) / 4));
  return bands * kUnpacked * static_cast<double>(p.k * (p.c / p.groups) * p.kernel_h * p.kernel_w) / (4.0 * loops.lanes);
}
/// Of the values that a run's steps read, those that are there: of a group with one channel a quad reads four for one.
double use_of_steps(const ConvProblem& p, int64_t step) {
  const int64_t length = p.c / p.groups * (p.dilation_w == 1 ? p.kernel_w : 1);
  return static_cast<double>(length) / static_cast<double>(round_up(length, step));
}

std::string reason_against_bytes(const Int8Problem& problem, const Int8Loops& loops) {
  if (!loops.byte_panel) return "needs an instruction that multiplies bytes";
  return problem.has_byte_weights ? "" : "weights need more than a byte";
}
double cycles_of_bytes(const Int8Problem& problem, const Int8Loops& loops) {
  return cycles_at(problem, loops, loops.sums_in_16_bits ? kQuads : kVnniQuads) / use_of_steps(problem.conv, BytePanelArguments::kStep);
}

}  // namespace

extern const Int8ConvImplementation k_int8_conv_direct, k_int8_conv_direct_bytes, k_int8_conv_unpacked;
const Int8ConvImplementation k_int8_conv_direct{
    "direct",  // dot products of 16-bit pairs
    [](const Int8Problem&, const Int8Loops&) { return std::string(); },
    [](const Int8Problem& problem, const Int8Loops& loops) {
      return cycles_at(problem, loops, kPairs) / use_of_steps(problem.conv, Int8PanelArguments::kStep);
    },
    [](const Int8Problem& p, const Int8Weights& w, const Int8Loops& loops) -> std::unique_ptr<Int8Convolution> {
      return std::make_unique<Direct<Pairs>>(p, w, loops);
    }};

const Int8ConvImplementation k_int8_conv_direct_bytes{
    "direct bytes",  // dot products of quads of bytes
    reason_against_bytes,
    [](const Int8Problem& problem, const Int8Loops& loops) {
      return cycles_of_bytes(problem, loops) * (1 + (loops.sums_in_16_bits ? 1 - std::pow(1 - problem.large_pairs, kPairsOfStep) : 0));
    },
    [](const Int8Problem& p, const Int8Weights& w, const Int8Loops& loops) -> std::unique_ptr<Int8Convolution> {
      return std::make_unique<Direct<Quads>>(p, w, loops);
    }};

const Int8ConvImplementation k_int8_conv_unpacked{
    "unpacked",  // the same, of weights that stay packed in memory
    [](const Int8Problem& problem, const Int8Loops& loops) {
      if (auto reason = reason_against_bytes(problem, loops); !reason.empty()) return reason;
      if (!weight_code_of(problem).can_be_packed()) return std::string("weights of eight bits are bytes already");
      return std::string(loops.sums_in_16_bits && most_of(problem) > kMostOfWord / 2 ? "weights may exceed the sum of a pair" : "");
    },
    [](const Int8Problem& problem, const Int8Loops& loops) { return cycles_of_bytes(problem, loops) + cycles_to_unpack(problem, loops); },
    [](const Int8Problem& p, const Int8Weights& w, const Int8Loops& loops) -> std::unique_ptr<Int8Convolution> {
      return std::make_unique<Direct<Quads>>(p, w, loops, &low_bit_loops_beside(loops));
    },
    /*keeps_packed=*/true};

}  // namespace scissionlite::kernels
