#include "engine/engine.h"

#include "base/text.h"
#include "engine/wrappers.h"
#include "kernels/precision.h"

namespace scissionlite {

#define SCISSIONLITE_BACKEND(name, make) [[nodiscard]] std::unique_ptr<Backend> make();
#include "engine/backends.inc"
#undef SCISSIONLITE_BACKEND

namespace {

struct Row {
  const char* name;
  std::unique_ptr<Backend> (*make)();
};
constexpr Row kBackends[] = {
#define SCISSIONLITE_BACKEND(name, make) {#name, make},
#include "engine/backends.inc"
#undef SCISSIONLITE_BACKEND
};

double checked_factor(const std::string& text, const std::string& spec) {
  try {
    size_t used = 0;
    const double factor = std::stod(text, &used);
    if (used == text.size() && factor >= 1 && factor <= 1e6) return factor;
  } catch (const std::exception&) {}
  throw InvalidArgument("[engine] '" + spec + "': got slowdown '" + text + "', expected a number of at least 1, as in slow:4:openvino");
}

/// Splits "first:rest"; `rest` is empty when there is no colon.
std::pair<std::string, std::string> take_word(const std::string& spec) {
  const auto colon = spec.find(':');
  if (colon == std::string::npos) return {spec, ""};
  return {spec.substr(0, colon), spec.substr(colon + 1)};
}

}  // namespace

double slow_factor(const std::string& spec) {
  const auto parts = split(spec, ':');
  for (size_t i = 0; i + 1 < parts.size(); ++i)
    if (parts[i] == "slow") return checked_factor(parts[i + 1], spec);
  return 1;
}

std::vector<std::string> backend_names() {
  std::vector<std::string> names;
  for (const auto& row : kBackends) names.emplace_back(row.name);
  return names;
}

std::string default_backend() {
  for (const auto& row : kBackends)
    if (row.make()->available().ok) return row.name;
  throw InternalError("[engine] no backend is available");
}

std::unique_ptr<Backend> make_backend(const std::string& spec) {
  const auto [word, rest] = take_word(spec);
  if (word == "slow" || word == "record" || word == "check" || word == "hang") {
    const auto [argument, inner_given] = take_word(rest);
    const std::string inner = inner_given.empty() ? default_backend() : inner_given;
    if (word == "slow") return make_slow_backend(checked_factor(argument, spec), make_backend(inner));
    if (argument.empty()) throw InvalidArgument("[engine] '" + spec + "': '" + word + "' needs an argument, as in record:FOLDER:openvino");
    if (word == "record") return make_record_backend(argument, make_backend(inner));
    if (word == "hang") return make_hang_backend(argument, make_backend(inner));
    return make_check_backend(make_backend(argument), make_backend(inner));
  }
  for (const auto& row : kBackends) {
    if (spec != row.name) continue;
    auto backend = row.make();
    if (const auto support = backend->available(); !support.ok)
      throw Unsupported("[engine] backend '" + spec + "' cannot be used: " + support.reason);
    return backend;
  }
  throw InvalidArgument("[engine] unknown backend '" + spec + "'" + did_you_mean(spec, backend_names()) +
                        " (wrappers: slow:K:BACKEND, check:ORACLE:BACKEND, record:FOLDER:BACKEND, hang:FILE:BACKEND)");
}

std::unique_ptr<Executable> compile(const Graph& graph, const std::string& spec, const CompileOptions& options) {
  (void)kernels::precision_named(options.precision);  // refuses others, whatever the backend
  return make_backend(spec.empty() ? default_backend() : spec)->compile(graph, options);
}

void check_inputs(std::span<const Tensor> inputs, const std::vector<ValueInfo>& wanted, const std::string& where) {
  if (inputs.size() != wanted.size())
    throw InvalidArgument("[" + where + "] got " + std::to_string(inputs.size()) + " inputs, expected " + std::to_string(wanted.size()));
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto& given = inputs[i];
    const auto& want = wanted[i];
    const bool dtype_fits = want.dtype == Dtype::kUndefined || want.dtype == given.dtype();
    bool shape_fits = !want.has_shape || want.shape.size() == given.shape().size();
    for (size_t d = 0; shape_fits && want.has_shape && d < want.shape.size(); ++d)
      shape_fits = want.shape[d] < 0 || want.shape[d] == given.shape()[d];
    if (!dtype_fits || !shape_fits)
      throw InvalidArgument("[" + where + "] input '" + want.name + "': got " + std::string(dtype_name(given.dtype())) + " " +
                            to_string(given.shape()) + ", expected " + std::string(dtype_name(want.dtype)) + " " + to_string(want.shape));
  }
}

}  // namespace scissionlite
