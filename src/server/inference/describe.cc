#include "protocol/stream_codec.h"
#include "server/inference/answers_internal.h"

namespace scissionlite::server {
namespace {

void describe(const std::vector<TensorInfo>& infos, google::protobuf::RepeatedPtrField<inference::ModelMetadataResponse::TensorMetadata>& out) {
  for (const auto& info : infos) {
    auto* tensor = out.Add();
    tensor->set_name(info.name);
    tensor->set_datatype(std::string(dtype_oip_name(info.dtype)));
    for (const int64_t size : info.shape) tensor->add_shape(size);
  }
}

void copy(const Duration& from, inference::StatisticDuration& to) {
  to.set_count(from.count);
  to.set_ns(from.ns);
}

}  // namespace

void describe_metadata(const std::vector<std::shared_ptr<Model>>& versions, const Model& model, inference::ModelMetadataResponse& out) {
  const auto& interface = model.interface();
  out.set_name(interface.name);
  for (const auto& version : versions) out.add_versions(version->interface().version);
  out.set_platform(model.config().platform());
  describe(interface.inputs, *out.mutable_inputs());
  describe(interface.outputs, *out.mutable_outputs());
  auto& properties = *out.mutable_properties();
  properties["model_sha256"] = interface.sha256;
  properties["engine"] = model.engine().spec + " " + model.engine().version;
  properties["precision"] = model.engine().precision;
  for (const auto& info : interface.inputs)
    if (info.decoder) properties[protocol::coder_claim(info.name)] = info.decoder->hash();
  if (interface.image) properties["codecs"] = "jpeg,png,webp,raw,file";
}

void describe_statistics(Model& model, inference::ModelStatistics& out) {
  const auto counts = model.statistics().snapshot();
  out.set_name(model.interface().name);
  out.set_version(model.interface().version);
  out.set_last_inference(counts.last_inference_ms);
  out.set_inference_count(counts.inference_count);
  out.set_execution_count(counts.execution_count);
  auto& stats = *out.mutable_inference_stats();
  copy(counts.success, *stats.mutable_success());
  copy(counts.fail, *stats.mutable_fail());
  copy(counts.queue, *stats.mutable_queue());
  copy(counts.input, *stats.mutable_compute_input());
  copy(counts.infer, *stats.mutable_compute_infer());
  copy(counts.output, *stats.mutable_compute_output());
  stats.mutable_cache_hit();
  stats.mutable_cache_miss();
  for (const auto& [size, batch] : counts.batches) {
    auto* entry = out.add_batch_stats();
    entry->set_batch_size(static_cast<uint64_t>(size));
    copy(batch.input, *entry->mutable_compute_input());
    copy(batch.infer, *entry->mutable_compute_infer());
    copy(batch.output, *entry->mutable_compute_output());
  }
}

}  // namespace scissionlite::server
