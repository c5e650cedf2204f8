#include "kernels/generated/kernel_plan.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "kernels/generated/kernel_object.h"

namespace scissionlite::kernels {

#define SCISSIONLITE_KERNEL_KIND(name) extern const KernelKind k_kernel_kind_##name;
#include "kernels/generated/kernel_kinds.inc"
#undef SCISSIONLITE_KERNEL_KIND

namespace {

struct Target {
  const char* name;
  int64_t lanes;
};
constexpr std::array<Target, 4> kTargets{{{"x86-64-base", 4}, {"x86-64-avx2", 8}, {"x86-64-avx512", 16}, {"arm-64-base", 4}}};

}  // namespace

int64_t lanes_of_target(const std::string& target) {
  for (const auto& [name, lanes] : kTargets)
    if (target == name) return lanes;
  std::vector<std::string> names;
  for (const auto& known : kTargets) names.emplace_back(known.name);
  throw InvalidArgument("[generate] unknown target '" + target + "'" + did_you_mean(target, names));
}

std::string target_of(const VectorLoops& loops) {
#if defined(__aarch64__)
  return std::string("arm-64-") + loops.isa;
#else
  return std::string("x86-64-") + loops.isa;
#endif
}

const std::vector<const KernelKind*>& kernel_kinds() {
  static const std::vector<const KernelKind*> table{
#define SCISSIONLITE_KERNEL_KIND(name) &k_kernel_kind_##name,
#include "kernels/generated/kernel_kinds.inc"
#undef SCISSIONLITE_KERNEL_KIND
  };
  return table;
}

const KernelKind& kernel_kind_of(const std::string& problem) {
  const auto word = problem.substr(0, problem.find(' '));
  std::vector<std::string> names;
  for (const auto* kind : kernel_kinds()) {
    if (word == kind->name) return *kind;
    names.emplace_back(kind->name);
  }
  throw InvalidArgument("[kernels] '" + problem + "' begins with no kind of kernel" + did_you_mean(word, names));
}

int64_t KernelPlan::lanes() const { return lanes_of_target(target); }

std::string KernelPlan::identity() const {
  return "scissionlite.kernel/" + std::to_string(kKernelInterface) + " " + target + " " + problem + " " + describe("generated", knobs);
}

std::string KernelPlan::reason_against() const {
  const auto& kind = kernel_kind_of(problem);
  if (auto reason = kind.reason_against(problem); !reason.empty()) return reason;
  if (auto reason = reason_against_values(knobs, kind.knobs(problem, lanes()), problem); !reason.empty()) return reason;
  return kind.reason_against_knobs(*this);
}

std::vector<int64_t> up_to(std::vector<int64_t> values, int64_t most) {
  std::erase_if(values, [&](int64_t v) { return v > most; });
  return values;
}

std::vector<int64_t> divisors(int64_t of, int64_t most) {
  std::vector<int64_t> out;
  for (int64_t v = 1; v <= std::min(of, most); ++v)
    if (of % v == 0) out.push_back(v);
  return out;
}

Knobs largest_up_to(const std::vector<KnobRange>& ranges, const Knobs& most) {
  Knobs knobs;
  for (const auto& range : ranges) {
    auto& value = knobs[range.name] = range.values[0];
    if (const auto it = most.find(range.name); it != most.end())
      for (const auto v : range.values)
        if (v <= it->second) value = v;
  }
  return knobs;
}

std::string reason_against_values(const Knobs& knobs, const std::vector<KnobRange>& ranges, const std::string& problem) {
  for (const auto& range : ranges) {
    const auto it = knobs.find(range.name);
    if (it == knobs.end()) return "knob '" + range.name + "' is missing";
    if (std::find(range.values.begin(), range.values.end(), it->second) == range.values.end())
      return "knob " + range.name + "=" + std::to_string(it->second) + " is not a value it has for " + problem;
  }
  return "";
}

std::string reason_against_tile(int64_t vectors, int64_t lanes) {
  const int64_t most = most_tile_vectors(lanes);
  return vectors > most ? "a register tile of " + std::to_string(vectors) + " vectors, but " + std::to_string(most) + " are the most" : "";
}

}  // namespace scissionlite::kernels
