// Split candidates: head, TL encoder, TL decoder, tail; the TL fitted on images that are not scored.
#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "coding/coder.h"
#include "graph/slice.h"
#include "score/activations.h"
#include "score/measure.h"
#include "transfer/transfer.h"

namespace scissionlite {
namespace {

/// The TLs of one cut, ready to run on every worker.
struct FittedTl {
  std::string spec, note;
  std::vector<ExecutablePool> encoders, decoders;  // per tensor
  std::vector<std::vector<coding::Coder>> coders;  // per tensor, per worker; none where the tensor crosses as it is
};

std::string notes_of(const transfer::SplitModel& split) {
  std::vector<std::string> notes;
  for (const auto& codec : split.codecs)
    if (std::find(notes.begin(), notes.end(), codec.note) == notes.end()) notes.push_back(codec.note);
  return join(notes, "; ");
}

FittedTl prepare(const Workbench& bench, const transfer::SplitModel& split, const std::string& spec) {
  FittedTl out{spec, notes_of(split), {}, {}, {}};
  for (const auto& codec : split.codecs) {
    out.encoders.push_back(bench.pool(codec.encoder));
    out.decoders.push_back(bench.pool(codec.decoder));
    out.coders.emplace_back();
    for (int worker = 0; codec.coder && worker < bench.workers(); ++worker) out.coders.back().emplace_back(codec.coder);
  }
  return out;
}

/// What crosses for one tensor: the stream of its codes where it has a coder, which must give the same codes back.
size_t coded_bytes(std::vector<coding::Coder>& coders, int worker, const std::vector<Tensor>& code) {
  size_t bytes = 0;
  for (size_t i = coders.empty() ? 0 : 1; i < code.size(); ++i) bytes += code[i].size_bytes();
  if (coders.empty()) return bytes;
  auto& coder = coders[static_cast<size_t>(worker)];
  std::string stream;
  std::vector<uint8_t> back(static_cast<size_t>(code[0].size()));
  bytes += coder.encode(code[0].as<uint8_t>(), stream);
  coder.decode(stream, back);
  if (!std::equal(back.begin(), back.end(), code[0].as<uint8_t>().begin())) throw InternalError("[score] the entropy coder gave other codes back");
  return bytes;
}

/// Sends one image's activations through a TL; returns the bytes that crossed.
double cross(FittedTl& tl, int worker, const std::vector<Tensor>& activations, std::vector<Tensor>& received) {
  size_t bytes = 0;
  received.clear();
  for (size_t t = 0; t < activations.size(); ++t) {
    const auto code = tl.encoders[t].run(worker, {&activations[t], 1});
    bytes += coded_bytes(tl.coders[t], worker, code);
    received.push_back(tl.decoders[t].run(worker, code)[0]);
  }
  return static_cast<double>(bytes);
}

std::vector<FittedTl> fit_all(Workbench& bench, const Graph& model, const Cut& cut, const std::vector<std::string>& tls,
                              const std::vector<fs::path>& fit_images) {
  const auto& options = bench.options();
  const bool needs_samples = std::any_of(tls.begin(), tls.end(), [&](const auto& spec) { return options.shelf.make(spec)->needs_samples(); });
  std::vector<std::vector<Tensor>> samples;
  if (needs_samples) samples = fit_samples(model, cut.tensors, fit_images, options.input, options.engine, options.threads);
  std::vector<FittedTl> out;
  for (const auto& spec : tls) {
    const auto layer = options.shelf.make(spec);
    try {
      out.push_back(prepare(bench, transfer::split(model, cut, *layer, layer->needs_samples() ? samples : std::vector<std::vector<Tensor>>{}), spec));
    } catch (const InvalidArgument& e) {  // too few images for one TL is no reason to lose the others
      log::warning("cut " + cut.id + " is scored without " + spec + ": " + e.what());
    }
  }
  return out;
}

}  // namespace

std::vector<Score> score_cut(Workbench& bench, const Graph& model, const Cut& cut, const std::vector<std::string>& tls,
                             const std::vector<fs::path>& fit_images) {
  const auto slices = cut_graph(model, cut.tensors);
  auto fitted = fit_all(bench, model, cut, tls, fit_images);
  const auto head = bench.pool(slices.head), tail = bench.pool(slices.tail);
  std::vector<Tally> tallies(fitted.size(), Tally(bench.images().size()));
  bench.for_each_image(static_cast<int64_t>(fitted.size()), "cut " + cut.id, [&](int worker, int64_t i) {
    Workbench::Sample scratch;
    const auto& sample = bench.sample(worker, i, scratch);
    const auto activations = head.run(worker, {&sample.input, 1});
    std::vector<Tensor> received;
    for (size_t t = 0; t < fitted.size(); ++t) {
      const double bytes = cross(fitted[t], worker, activations, received);
      bench.judge(i, sample, tail.run(worker, received), bytes, tallies[t]);
    }
  });
  std::vector<Score> out;
  for (size_t t = 0; t < fitted.size(); ++t) out.push_back(bench.summarise("split/" + cut.id + "/" + fitted[t].spec, tallies[t], fitted[t].note));
  return out;
}

}  // namespace scissionlite
