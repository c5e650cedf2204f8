#include "api/internal.h"
#include "base/log.h"
#include "base/version.h"
#include "onnx/onnx.h"
#include "ops/cut_cost.h"
#include "vision/model_input.h"

namespace scissionlite::api {
namespace {

Cut public_cut(const scissionlite::Cut& cut) {
  Cut out{.id = cut.id,
          .tensors = cut.tensors,
          .shapes = {cut.shapes.begin(), cut.shapes.end()},
          .dtypes = {},
          .bytes = cut.bytes,
          .head_macs = cut.head_macs};
  for (const auto dtype : cut.dtypes) out.dtypes.emplace_back(dtype_name(dtype));
  return out;
}

}  // namespace

std::string version() { return kVersion; }

void set_log_level(LogLevel level) { log::set_level(static_cast<log::Level>(level)); }
static_assert(static_cast<int>(log::Level::kDebug) == static_cast<int>(LogLevel::kDebug) &&
              static_cast<int>(log::Level::kOff) == static_cast<int>(LogLevel::kOff));

void rethrow(const scissionlite::Error& error) {
  const auto* transport = dynamic_cast<const TransportError*>(&error);
  throw Error(static_cast<ErrorCode>(error.code()), error.what(), transport != nullptr && transport->retryable());
}
static_assert(static_cast<int>(scissionlite::ErrorCode::kTransport) == static_cast<int>(ErrorCode::kTransport) &&
              static_cast<int>(scissionlite::ErrorCode::kInternal) == static_cast<int>(ErrorCode::kInternal));

Model Model::load(const Path& onnx_file, const Path& input_json) {
  return at_border([&] {
    Impl impl{.path = onnx_file, .sha256 = {}, .graph = load_model(onnx_file), .annotated = {}, .input = {}};
    impl.sha256 = model_sha256(onnx_file);
    impl.input = vision::find_input_spec(impl.graph, onnx_file, input_json);
    impl.graph = vision::with_input_size(std::move(impl.graph), impl.input);
    impl.annotated = impl.graph;
    ops::annotate(impl.annotated);
    impl.macs = ops::total_macs(impl.annotated);
    return Model(std::make_shared<const Impl>(std::move(impl)));
  });
}

const Path& Model::path() const { return impl_->path; }
const std::string& Model::sha256() const { return impl_->sha256; }
int64_t Model::macs() const { return impl_->macs; }

std::vector<Cut> Model::cuts(int max_tensors) const {
  return at_border([&] {
    if (max_tensors < 1 || max_tensors > 16) throw InvalidArgument("[cuts] max_tensors is " + std::to_string(max_tensors) + ", expected 1 to 16");
    auto cuts = find_cuts(impl_->annotated, {.max_tensors = max_tensors});
    ops::set_head_macs(impl_->annotated, cuts);
    std::vector<Cut> out;
    for (const auto& cut : cuts) out.push_back(public_cut(cut));
    return out;
  });
}

std::vector<Path> list_images(const std::vector<std::string>& paths) {
  return at_border([&] { return vision::list_images(paths); });
}

}  // namespace scissionlite::api
