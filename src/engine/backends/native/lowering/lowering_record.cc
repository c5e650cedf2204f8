// What a lowering reads of constants and chooses, noted for a compiled model or repeated from one.
#include "engine/backends/native/compiled/stored.h"
#include "kernels/sparse24/weights.h"

namespace scissionlite::native {

Tensor Lowering::find_constant(const std::string& value) const {
  if (const auto it = constants_.find(value); it != constants_.end()) return it->second;
  const auto it = graph().initializers.find(value);
  return it == graph().initializers.end() ? Tensor() : it->second;
}

bool Lowering::is_constant(const std::string& value) const { return constants_.count(value) > 0 || graph().initializers.count(value) > 0; }

Tensor Lowering::constant(const std::string& value) const {
  const auto tensor = find_constant(value);
  if (tensor.empty()) return tensor;
  if (tensor.data() == nullptr && tensor.size() > 0)
    throw InvalidArgument("[native] the compiled model does not hold the values of '" + value + "'; compile it again with this version");
  if (options_.note) options_.note->read[value] = tensor;
  return tensor;
}

std::vector<Tensor> Lowering::constants_of(const Node& node) const {
  std::vector<Tensor> out;
  for (const auto& input : node.inputs) out.push_back(input.empty() ? Tensor() : constant(input));
  return out;
}

Tensor Lowering::weights(const std::string& value) const { return find_constant(value); }

bool Lowering::is_two_four(const std::string& value, bool is_transposed) const {
  const auto tensor = repeats() ? Tensor() : weights(value);
  if (tensor.empty() || tensor.dtype() != Dtype::kF32 || tensor.shape().size() < 2) return false;
  const auto [it, is_new] = two_four_.try_emplace({value, is_transposed}, false);
  if (is_new) {
    const int64_t first = tensor.shape()[0], second = tensor.shape()[1], taps = tensor.size() / (first * second),
                  inputs = is_transposed ? first : second;
    const auto* const w = tensor.as<float>().data();
    it->second = inputs >= kernels::kTwoFourGroup &&
                 kernels::is_two_four(is_transposed ? kernels::MatrixView{w, second, first, 1, second} : kernels::conv_view(w, first, second, taps));
  }
  return it->second;
}

kernels::WeightSource Lowering::weight_source(const std::string& value) {
  if (!options_.store) return {};
  std::string identity;
  if (options_.repeat) {
    const auto it = options_.repeat->identities.find(value);
    if (it == options_.repeat->identities.end()) return {};  // it was read as it is
    identity = it->second;
  } else {
    const auto tensor = find_constant(value);
    identity = identity_of(tensor);
    if (options_.note) sources_[value] = {identity, tensor};
  }
  return {&store_, identity};
}

void Lowering::make_constant(const std::string& value, Tensor tensor) {
  constants_[value] = std::move(tensor);
  if (options_.note) options_.note->constants[value] = info(value);
}

kernels::PackedBytes Lowering::WatchedStore::get(const std::string& key, int64_t bytes, const std::function<void(std::byte*)>& fill) {
  asked_.insert(key.substr(0, key.find(' ')));
  return store_->get(key, bytes, fill);
}

void Lowering::note_folded(const Node& node) {
  if (options_.note) options_.note->folded.insert(node.outputs[0]);
}

/// An implementation that never asked for packed weights reads them as they are.
void Lowering::note_weights() {
  if (!options_.note) return;
  for (const auto& [value, source] : sources_) {
    const auto& [identity, tensor] = source;
    if (store_.was_asked(identity)) options_.note->identities[value] = identity;
    else options_.note->read[value] = tensor;
  }
}

const Decision* Lowering::decided(const std::string& subject) const {
  if (!options_.repeat) return nullptr;
  const auto it = options_.repeat->decisions.find(subject);
  return it == options_.repeat->decisions.end() ? nullptr : &it->second;
}

}  // namespace scissionlite::native
