// Kernels made in tests. Each takes a second to make, so few are tried: examples, and random ones, of which
// SCISSIONLITE_GENERATE_CASES asks for more.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>

#include "base/rng.h"
#include "generate/generate.h"
#include "kernels/generated/kernel_object.h"
#include "kernels/vector/loops.h"
#include "ops/ops.h"

namespace scissionlite::generate {

class Kernels : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = reason_against(default_tools()); !reason.empty()) GTEST_SKIP() << reason;
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  [[nodiscard]] std::shared_ptr<const kernels::KernelObject> made(const kernels::KernelPlan& plan) const {
    const auto path = folder_ / "kernel.so";
    make_kernel(plan, default_tools(), path);
    return std::make_shared<kernels::KernelObject>(read_file(path), "kernel.so");
  }
  fs::path folder_ = fs::temp_directory_path() / ("generate_test_" + std::to_string(getpid()));
};

/// For the widest instruction set here; knobs that are left out are the usual ones.
inline kernels::KernelPlan plan_of(const std::string& problem, const kernels::Knobs& knobs = {}) {
  const auto& loops = kernels::best_loops();
  kernels::KernelPlan plan{problem, kernels::kernel_kind_of(problem).usual(problem, loops.lanes), kernels::target_of(loops)};
  for (const auto& [name, value] : knobs) plan.knobs[name] = value;
  return plan;
}

/// Random knobs that go together. Some problems have few of them.
inline kernels::KernelPlan random_plan(Rng& rng, const std::string& problem) {
  auto plan = plan_of(problem);
  do {
    for (const auto& range : kernels::kernel_kind_of(problem).knobs(problem, plan.lanes()))
      plan.knobs[range.name] = range.values[rng.below(range.values.size())];
  } while (!plan.reason_against().empty());
  return plan;
}

inline int random_cases() {
  const char* asked = std::getenv("SCISSIONLITE_GENERATE_CASES");
  return asked ? std::atoi(asked) : 3;
}

inline Tensor random_tensor(Rng& rng, Shape shape) {
  Tensor t(Dtype::kF32, std::move(shape));
  for (float& v : t.mutable_as<float>()) v = static_cast<float>(rng.normal());
  return t;
}

/// The first result of one node by the reference code of src/ops.
inline Tensor by_reference(const std::string& type, const std::map<std::string, Attribute>& attributes, const std::vector<Tensor>& inputs) {
  Graph graph;
  graph.opsets = {{"", 19}};
  Node node;
  node.op_type = type, node.attributes = attributes, node.outputs = {"y"};
  for (size_t i = 0; i < inputs.size(); ++i) node.inputs.push_back("x" + std::to_string(i));
  return ops::run_node(graph, node, inputs)[0];
}

/// Values in zones before or behind what a kernel may write.
constexpr float kUntouched = 12345;
constexpr size_t kZone = 64;

}  // namespace scissionlite::generate
