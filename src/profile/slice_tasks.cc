// Timing slices of the model.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "graph/slice.h"
#include "profile/tasks_internal.h"
#include "protocol/classification.h"

namespace scissionlite::profiling {
namespace {

constexpr int64_t kMostPatches = 1100;  // that a learned TL of 1,024 components asks for
constexpr size_t kMostSampleBytes = size_t{256} << 20;
constexpr double kCompiledOverWeights = 3;  // memory of a compiled slice over its weights: original, packed, scratch

double weight_bytes(const Graph& graph) {
  double bytes = 0;
  for (const auto& [name, tensor] : graph.initializers) bytes += static_cast<double>(tensor.size_bytes());
  return bytes;
}

std::vector<Tensor> run_copied(Executable& executable, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> outputs;
  for (const auto& tensor : executable.run(inputs)) outputs.push_back(tensor.clone());
  return outputs;
}

/// Outputs of one slice in the order in which another takes them.
std::vector<Tensor> in_order(const std::vector<ValueInfo>& wanted, const std::vector<ValueInfo>& names, const std::vector<Tensor>& tensors) {
  std::vector<Tensor> out;
  for (const auto& info : wanted)
    for (size_t i = 0; i < names.size(); ++i)
      if (names[i].name == info.name) out.push_back(tensors[i]);
  return out;
}

/// The same values in another order: one more sample where images are few.
Tensor rotated(const Tensor& tensor, size_t step) {
  Tensor out(tensor.dtype(), tensor.shape());
  const size_t shift = tensor.size_bytes() == 0 ? 0 : step * 7919 * dtype_size(tensor.dtype()) % tensor.size_bytes();
  std::memcpy(out.mutable_data(), tensor.data() + shift, tensor.size_bytes() - shift);
  std::memcpy(out.mutable_data() + (tensor.size_bytes() - shift), tensor.data(), shift);
  return out;
}

size_t wanted_samples(const Tensor& tensor) {
  const auto& shape = tensor.shape();
  const int64_t positions = shape.size() == 4 ? ((shape[2] + 1) / 2) * ((shape[3] + 1) / 2) : 1;
  return static_cast<size_t>(std::clamp<int64_t>(kMostPatches / positions + 1, 1, kMostPatches));
}

}  // namespace

SliceTasks::SliceTasks(const Graph& model, const ProfileOptions& options, std::vector<Tensor> inputs)
    : model_(with_batch(model, 1)),
      options_(options),
      backend_(make_backend(options.engine)),
      inputs_(std::move(inputs)),
      weight_bytes_(weight_bytes(model)) {
  if (const auto support = backend_->available(); !support.ok) throw Unsupported("[" + options.engine + "] " + support.reason);
  whole_ = while_doing("compiling the uncut model", [&] { return compile_slice(model_); });
  const auto outputs = run_copied(*whole_, {inputs_[0]});
  for (const auto& tensor : outputs) output_bytes_ += static_cast<int64_t>(tensor.size_bytes());
  answer_bytes_ = output_bytes_;
  constexpr int64_t kClasses = 5;  // as `run` asks for
  if (!outputs.empty() && protocol::is_score_list(outputs[0].shape()))
    answer_bytes_ = std::min(output_bytes_, protocol::class_answer_bytes(kClasses, outputs[0].size()));
}

SliceTasks::Shared SliceTasks::compile_slice(const Graph& graph) const { return backend_->compile(graph, options_.compile); }

MeasureItem SliceTasks::run_item(const std::string& name, Shared executable, std::vector<Tensor> inputs, const CodeModels& written,
                                 const CodeModels& read) const {
  auto writer = std::make_shared<TimedStreams>(written, executable->outputs());
  auto reader = std::make_shared<TimedStreams>(read, executable->inputs());
  if (!reader->empty()) reader->write(inputs);
  return {name, [executable = std::move(executable), inputs = std::move(inputs), writer, reader, slow = slow_factor(options_.engine)] {
            auto& clock = Clock::steady();
            const double read_us = reader->empty() ? 0 : timed_us(clock, slow, [&] { reader->read(); });
            const double start_us = clock.now_us();
            const auto outputs = executable->run(inputs);
            const double run_us = clock.now_us() - start_us;
            return read_us + run_us + (writer->empty() ? 0 : timed_us(clock, slow, [&] { writer->write(outputs); }));
          }};
}

Task SliceTasks::whole() {
  return {{"whole"}, 0, [this] { return std::vector<MeasureItem>{run_item("whole", whole_, {inputs_[0]})}; }};
}

std::vector<Tensor> SliceTasks::crossing(const Cut& cut) {
  if (crossing_.first != cut.id) crossing_ = {cut.id, run_copied(*compile_slice(cut_graph(model_, cut.tensors).head), {inputs_[0]})};
  return crossing_.second;
}

Task SliceTasks::halves(const Cut& cut) {
  return {{head_name(cut.id), tail_name(cut.id)}, kCompiledOverWeights * weight_bytes_, [this, cut] {
            const auto slices = cut_graph(model_, cut.tensors);
            auto head = compile_slice(slices.head), tail = compile_slice(slices.tail);
            auto values = in_order(slices.tail.inputs, slices.head.outputs, run_copied(*head, {inputs_[0]}));
            return std::vector<MeasureItem>{run_item(head_name(cut.id), head, {inputs_[0]}), run_item(tail_name(cut.id), tail, std::move(values))};
          }};
}

std::vector<std::vector<Tensor>> SliceTasks::samples(const Cut& cut) {
  if (samples_.first == cut.id) return samples_.second;
  const auto slices = cut_graph(model_, cut.tensors);
  const auto head = compile_slice(slices.head);
  std::vector<std::vector<Tensor>> out(cut.tensors.size());
  size_t bytes = 0;
  for (const auto& input : inputs_) {
    const auto values = run_copied(*head, {input});
    for (size_t i = 0; i < values.size(); ++i) out[i].push_back(values[i]), bytes += values[i].size_bytes();
    if (bytes > kMostSampleBytes) break;
  }
  const size_t wanted = wanted_samples(out[0][0]), real = out[0].size();
  for (auto& tensors : out)
    for (size_t k = real; k < wanted && bytes < kMostSampleBytes; ++k)
      tensors.push_back(rotated(tensors[k % real], k)), bytes += tensors[0].size_bytes();
  samples_ = {cut.id, out};
  return out;
}

const transfer::SplitModel& SliceTasks::split(const Cut& cut, const std::string& tl) {
  auto& slot = splits_[cut.id + "/" + tl];
  if (!slot) {
    const auto layer = options_.shelf.make(tl);
    slot = std::make_unique<transfer::SplitModel>(
        transfer::split(model_, cut, *layer, layer->needs_samples() ? samples(cut) : std::vector<std::vector<Tensor>>()));
    if (store_) store_->put_size(wire_name(cut.id, tl), slot->wire_bytes);
    if (store_ && !slot->coders.empty()) store_->put_size(varies_name(cut.id, tl), 1);
  }
  return *slot;
}

Task SliceTasks::tl_alone(const Cut& cut, const std::string& tl) {
  const std::vector<std::string> names{encode_name(cut.id, tl), decode_name(cut.id, tl)};
  return {names, 0, [this, cut, tl, names] {
            const auto& codecs = split(cut, tl).codecs;
            const auto values = crossing(cut);
            // Encoders of several tensors run one after the other, as they do within a head.
            std::vector<MeasureItem> encoders, decoders;
            for (size_t i = 0; i < codecs.size(); ++i) {
              const auto encoder_graph = with_batch(codecs[i].encoder, 1), decoder_graph = with_batch(codecs[i].decoder, 1);
              const auto encoder = compile_slice(encoder_graph);
              const auto codes = in_order(decoder_graph.inputs, encoder_graph.outputs, run_copied(*encoder, {values[i]}));
              const CodeModels models = codecs[i].coder ? CodeModels{{"code", codecs[i].coder}} : CodeModels{};
              encoders.push_back(run_item(names[0], encoder, {values[i]}, models));
              decoders.push_back(run_item(names[1], compile_slice(decoder_graph), codes, {}, models));
            }
            const auto run_all = [](const std::string& name, std::vector<MeasureItem> items) {
              return MeasureItem{name, [items = std::move(items)] {
                                   double us = 0;
                                   for (const auto& item : items) us += item.run_us();
                                   return us;
                                 }};
            };
            return std::vector<MeasureItem>{run_all(names[0], std::move(encoders)), run_all(names[1], std::move(decoders))};
          }};
}

Task SliceTasks::halves_with_tl(const Cut& cut, const std::string& tl) {
  const std::vector<std::string> names{head_name(cut.id, tl), tail_name(cut.id, tl)};
  return {names, kCompiledOverWeights * weight_bytes_, [this, cut, tl, names] {
            const auto& model = split(cut, tl);
            const auto head = compile_slice(model.head), tail = compile_slice(model.tail);
            auto codes = in_order(model.tail.inputs, model.head.outputs, run_copied(*head, {inputs_[0]}));
            return std::vector<MeasureItem>{run_item(names[0], head, {inputs_[0]}, /*written=*/model.coders),
                                            run_item(names[1], tail, std::move(codes), {}, /*read=*/model.coders)};
          }};
}

Task SliceTasks::block(size_t index, const Cut* begin, const Cut* end) {
  std::vector<std::string> inputs, outputs;
  if (begin) inputs = begin->tensors;
  else
    for (const auto& info : model_.inputs) inputs.push_back(info.name);
  if (end) outputs = end->tensors;
  else
    for (const auto& info : model_.outputs) outputs.push_back(info.name);
  const auto graph = extract(model_, inputs, outputs);
  return {{block_name(index)},
          kCompiledOverWeights * weight_bytes(graph),
          [this, graph, index, begin = begin ? std::optional<Cut>(*begin) : std::nullopt] {
            auto values = begin ? crossing(*begin) : std::vector<Tensor>{inputs_[0]};
            return std::vector<MeasureItem>{run_item(block_name(index), compile_slice(graph), std::move(values))};
          }};
}

}  // namespace scissionlite::profiling
