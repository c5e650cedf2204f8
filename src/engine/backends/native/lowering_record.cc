// What a lowering reads of constants and chooses, noted for a compiled model or repeated from one.
#include "engine/backends/native/stored.h"

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

Tensor Lowering::weights(const std::string& value) const { return find_constant(value); }

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

void Lowering::note(const std::string& subject, const Decision& decision) { options_.note->decisions[subject] = decision; }

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

std::string Lowering::reason_for(const std::string& subject) const {
  const auto* from = options_.repeat ? options_.repeat : options_.note;
  if (!from) return "";
  const auto it = from->decisions.find(subject);
  return it == from->decisions.end() ? "" : it->second.reason;
}

kernels::ConvChoice Lowering::choose(const kernels::ConvProblem& problem) {
  if (options_.problems) {
    options_.problems->push_back(problem);
    const auto& direct = kernels::conv_implementation("direct");  // computes everything, and packs on one thread, as conv_problems promises
    return {&direct, direct.usual(problem, loops())};
  }
  const auto subject = problem.text();
  if (const auto* decision = decided(subject)) return {&kernels::conv_implementation(decision->implementation), decision->knobs};
  if (options_.repeat) throw InvalidArgument("[native] the compiled model does not say how to compute " + subject + "; compile it again with this version");
  const auto choice = tune::choose_conv(problem, loops(), options_.tuned);
  if (options_.note) note(subject, {choice.implementation->name, choice.knobs, tune::reason_of(choice, problem, loops(), options_.tuned)});
  return choice;
}

}  // namespace scissionlite::native
