// The entries of a database that fit this machine, as the engine asks for them.
#pragma once

#include <memory>

#include "kernels/generated/kernel_plan.h"
#include "tune/chain_problem.h"
#include "tune/database.h"
#include "tune/rates.h"

namespace scissionlite::tune {

/// A tuned convolution: how, and its times.
struct TunedConv {
  kernels::ConvChoice choice;
  double median_us = 0, usual_us = 0;
};
/// A tuned chain: rows of a band, or a generated kernel, and its time over that of its convolutions one by one.
struct TunedChain {
  int64_t rows = 0;  // 0: of the kernel
  std::optional<kernels::KernelPlan> kernel;
  double ratio = 1;
};
/// A tuned pooling or strip: a generated kernel, none where our own loops are faster; its time, and that of the loops.
struct TunedKernel {
  std::optional<kernels::KernelPlan> kernel;
  double median_us = 0, usual_us = 0;
};

/// A tuned convolution of bytes: a row of the table, and its times.
struct TunedByteConv {
  const kernels::Int8ConvImplementation* way = nullptr;
  double median_us = 0, usual_us = 0;
};

class Choices {
 public:
  /// Keeps the entries of this CPU, number of threads, and instruction set: of floats `loops`', of bytes that of best_int8_loops(); says so in the
  /// log where there are others only.
  /// @param where  names the database in messages.
  Choices(const Database& database, const std::string& where, const kernels::VectorLoops& loops, int threads);

  /// Of an entry whose implementation and knobs are known here, else a warning and nothing. Where only the convolution without its end was
  /// tuned, by that.
  [[nodiscard]] std::optional<TunedConv> find(const ConvWithEnd& conv) const;
  /// Nothing, with a warning, where the kernel is missing or not what was recorded.
  [[nodiscard]] std::optional<TunedChain> find(const ChainOfConvs& chain) const;
  /// Of an entry whose way is known here and computes the problem, else a warning and nothing.
  [[nodiscard]] std::optional<TunedByteConv> find(const kernels::Int8Problem& problem, const kernels::Int8Loops& loops) const;
  /// @param problem  the text of a pooling or a strip.
  [[nodiscard]] std::optional<TunedKernel> find_kernel(const std::string& problem) const;
  /// The entry that it is found by, whether known here or not; null when there is none.
  [[nodiscard]] const TuningEntry* entry(const ConvWithEnd& conv) const;
  [[nodiscard]] const TuningEntry* entry(const kernels::Int8Problem& problem) const;
  /// Whether this network was faster as a whole with the usual choices than as tuned.
  [[nodiscard]] bool keeps_usual(const std::string& network) const;
  /// Whether there is such a network: else none need be named, which takes reading all weights of bytes.
  [[nodiscard]] bool keeps_usual_anywhere() const { return keeps_usual_anywhere_; }
  [[nodiscard]] Rates rates() const { return rates_; }
  [[nodiscard]] size_t size() const { return entries_.size(); }

 private:
  /// Brings the entry's kernel into this process.
  /// @param problem  of the kernel. Nothing, with a warning that says why, when it cannot.
  [[nodiscard]] std::optional<kernels::KernelPlan> bring_kernel(const std::string& problem, const TuningEntry& entry) const;
  std::string where_;
  const kernels::VectorLoops& loops_;
  [[nodiscard]] const TuningEntry* entry_of(const std::string& problem) const;
  std::map<std::string, TuningEntry> entries_;  // by problem
  Rates rates_;
  bool keeps_usual_anywhere_ = false;
};

/// Of the file at `path`; if that is empty, of the one that the environment variable SCISSIONLITE_TUNING names; null where there is
/// neither. @throws InvalidArgument, ResourceError as load_database.
[[nodiscard]] std::shared_ptr<const Choices> load_choices(const std::string& path, const kernels::VectorLoops& loops, int threads);

/// The file that load_choices reads, empty where there is none.
[[nodiscard]] std::string choices_file(const std::string& path);

/// The tuned choice where there is one, else usual_conv.
[[nodiscard]] kernels::ConvChoice choose_conv(const ConvWithEnd& conv, const kernels::VectorLoops& loops, const Choices* choices);

/// What is known of a choice, in words: "estimated at 1.2 million cycles; next: direct at 1.9 million cycles", or what tuning measured.
[[nodiscard]] std::string reason_of(const kernels::ConvChoice& choice, const ConvWithEnd& conv, const kernels::VectorLoops& loops,
                                    const Choices* choices, kernels::Precision precision = kernels::Precision::kF32);
[[nodiscard]] std::string reason_of(const kernels::Int8ConvImplementation& way, const kernels::Int8Problem& problem, const kernels::Int8Loops& loops,
                                    const Choices* choices);

}  // namespace scissionlite::tune
