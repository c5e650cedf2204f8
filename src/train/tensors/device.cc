#include "train/tensors/device.h"

#include <ATen/Context.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include "base/error.h"
#include "base/log.h"

namespace scissionlite::train {
namespace {

torch::Device& chosen() {
  static torch::Device device(torch::kCPU);
  return device;
}

torch::Device parsed(const std::string& name) {
  const auto digits = name.rfind("cuda:", 0) == 0 ? name.substr(5) : std::string();
  const bool is_numbered = !digits.empty() && digits.size() <= 3 && digits.find_first_not_of("0123456789") == std::string::npos;
  if (name != "cpu" && name != "cuda" && !is_numbered) throw InvalidArgument("[train] device '" + name + "': expected cpu, cuda or cuda:N");
  if (name == "cpu") return {torch::kCPU};
  return {torch::kCUDA, static_cast<c10::DeviceIndex>(is_numbered ? std::stoi(digits) : 0)};
}

/// The library beside the one that this program is linked to; stays loaded. What went wrong, or nothing.
std::string load_cuda() {
  if (c10::impl::hasDeviceGuardImpl(torch::kCUDA)) return {};
  if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) return dlerror();
  return c10::impl::hasDeviceGuardImpl(torch::kCUDA) ? "" : "libtorch_cuda.so has no devices";
}

}  // namespace

void use_device(const std::string& name) {
  const auto device = parsed(name);
  if (device.is_cuda()) {
    if (const auto wrong = load_cuda(); !wrong.empty())
      throw InvalidArgument("[train] device '" + name + "': this program's libtorch cannot use GPUs (" + wrong +
                            "); leave --device out, or build with a torch wheel: -DSCISSIONLITE_TORCH_DIR=.../site-packages/torch");
    const auto count = c10::impl::VirtualGuardImpl(torch::kCUDA).deviceCount();
    if (device.index() >= count)
      throw InvalidArgument("[train] device '" + name + "': this machine has " +
                            (count == 0 ? "no GPU that CUDA can use" : std::to_string(count) + (count == 1 ? " GPU" : " GPUs")) +
                            "; leave --device out for the CPU");
    at::globalContext().setDeterministicCuDNN(true);  // float32 as on the CPU, and the same from run to run
    at::globalContext().setAllowTF32CuDNN(false);
    at::globalContext().setAllowTF32CuBLAS(false);
    log::info("training on " + name);
  }
  chosen() = device;
}

torch::Device compute_device() { return chosen(); }

torch::Tensor on_device(const torch::Tensor& tensor) { return tensor.is_floating_point() ? tensor.to(compute_device()) : tensor; }

torch::Tensor integers_for(const torch::Tensor& tensor, const std::vector<int64_t>& values) {
  return torch::tensor(values, torch::kLong).to(tensor.device());
}

}  // namespace scissionlite::train
