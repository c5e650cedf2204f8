#include "score/score.h"

#include <algorithm>
#include <numeric>

#include "base/log.h"
#include "base/text.h"
#include "base/version.h"
#include "engine/engine.h"
#include "onnx/onnx.h"
#include "ops/cut_cost.h"
#include "score/activations.h"
#include "score/cut_choice.h"
#include "score/measure.h"
#include "score/score_cache.h"
#include "transfer/transfer.h"
#include "vision/model_input.h"

namespace scissionlite {
namespace {

/// Raised when the way a candidate is fitted or measured changes, so that older caches are not believed.
constexpr int kMeasuringVersion = 1;
/// The same for AUC, which only models of few classes are measured for.
constexpr const char* kAucVersion = "auc1";

bool has_few_classes(const Graph& model) {
  if (model.outputs.empty() || !model.outputs[0].has_shape) return false;
  const auto& shape = model.outputs[0].shape;
  const int64_t classes = std::accumulate(shape.begin(), shape.end(), int64_t{1},
                                          [](int64_t size, int64_t dim) { return size * std::max<int64_t>(dim, 1); });  // a free batch is 1
  return classes > 1 && classes <= kMostAucClasses;
}

struct CutJob {
  Cut cut;
  std::vector<std::string> tls;
};

std::vector<std::string> expand_codecs(const std::vector<std::string>& asked) {
  std::vector<std::string> out;
  for (const auto& codec : asked) {
    if (codec == "none") continue;
    const auto more = codec == "auto" ? default_codecs() : std::vector<std::string>{codec};
    for (const auto& name : more)
      if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  }
  return out;
}

bool is_known_without_encoding(const std::string& codec) { return codec == "file" || codec == "raw" || codec == "tensor"; }

/// Refuses a misspelt codec before anything long begins.
void check_codecs(const std::vector<std::string>& codecs) {
  const vision::Image pixel{8, 8, std::vector<uint8_t>(8 * 8 * 3, 128)};
  for (const auto& codec : codecs)
    if (!is_known_without_encoding(codec)) (void)vision::encode(pixel, codec);
}

class Scorer {
 public:
  explicit Scorer(const ScoreOptions& given) : options_(given), cache_(given.cache) {
    if (options_.engine.empty()) options_.engine = default_backend();
    model_ = load_model(options_.model);
    vision::check_fits(options_.input, model_, options_.model.string());
    model_ = vision::with_input_size(std::move(model_), options_.input);
    split_ = split_images(options_.images, options_.fit_images);
    codecs_ = expand_codecs(options_.codecs);
    check_codecs(codecs_);
    (void)make_metric(options_.metric);
    for (const auto& cut : choose_cuts(ops::find_costed_cuts(model_, {.max_tensors = options_.max_tensors}), options_.cuts))
      jobs_.push_back({cut, choose_tls(cut, options_.tls, options_.shelf)});
    context_ = describe_context();
  }

  Scores run() {
    Scores out;
    out.model_sha256 = model_sha_;
    out.metric = options_.metric;
    out.images = static_cast<int64_t>(split_.score.size());
    out.images_fitted = static_cast<int64_t>(split_.fit.size());
    out.images_sha256 = split_.score_sha256;
    out.command = options_.command;
    start_progress();
    out.scores.push_back(local());
    out.label_accuracy = out.scores[0].label_accuracy;
    for (size_t i = 0; i < codecs_.size(); i += kCodecsAtOnce)
      append(out.scores, edge({codecs_.begin() + static_cast<std::ptrdiff_t>(i),
                               codecs_.begin() + static_cast<std::ptrdiff_t>(std::min(codecs_.size(), i + kCodecsAtOnce))}));
    for (const auto& job : jobs_) append(out.scores, splits(job));
    return out;
  }

 private:
  static constexpr size_t kCodecsAtOnce = 8;  // measured in one pass over the images, then cached

  static void append(std::vector<Score>& all, std::vector<Score> more) { all.insert(all.end(), more.begin(), more.end()); }

  /// Everything that a result depends on beside the candidate.
  std::string describe_context() {
    model_sha_ = model_sha256(options_.model);
    const auto labels = options_.labels.empty() || options_.labels == "folders" ? options_.labels : sha256_hex(read_file(options_.labels));
    return join({std::to_string(kMeasuringVersion), kVersion, model_sha_, split_.score_sha256, split_.fit_sha256,
                 vision::to_json(options_.input).dump(), labels, options_.metric, options_.engine},
                "|") +
           (has_few_classes(model_) && !labels.empty() ? kAucVersion : "");
  }
  [[nodiscard]] std::string key(const std::string& candidate) const {
    return sha256_hex(context_ + "|" + candidate + options_.shelf.content_hash(candidate.substr(candidate.rfind('/') + 1)));
  }
  [[nodiscard]] std::vector<std::string> missing(const std::string& prefix, const std::vector<std::string>& names) const {
    std::vector<std::string> out;
    for (const auto& name : names)
      if (!cache_.find(key(prefix + name))) out.push_back(name);
    return out;
  }

  Workbench& bench() {  // made on first use: a run that finds all in the cache compiles nothing
    if (!bench_) bench_ = std::make_unique<Workbench>(model_, options_, split_.score);
    return *bench_;
  }

  void start_progress() {
    auto left = missing("", {"local"}).size() + missing("edge/", codecs_).size();
    for (const auto& job : jobs_) left += missing("split/" + job.cut.id + "/", job.tls).size();
    if (left > 0) bench().start_progress(static_cast<int64_t>(left));
  }

  /// Measures what the cache lacks and returns all in the order of `names`.
  template <typename Measure>
  std::vector<Score> measured(const std::string& prefix, const std::vector<std::string>& names, Measure measure) {
    const auto lacking = missing(prefix, names);
    if (!lacking.empty())
      for (const auto& score : measure(lacking)) cache_.store(key(score.candidate), score);
    std::vector<Score> out;
    for (const auto& name : names)
      if (const auto found = cache_.find(key(prefix + name))) out.push_back(*found);  // a TL that could not be fitted has none
    return out;
  }

  Score local() {
    return measured("", {"local"}, [&](const auto&) {
      Tally tally(split_.score.size());
      bench().for_each_image(1, "reference answers", [&](int worker, int64_t i) {
        Workbench::Sample scratch;
        const auto& sample = bench().sample(worker, i, scratch);
        bench().judge(i, sample, sample.answer, 0, tally);
      });
      return std::vector<Score>{bench().summarise("local", tally, "the uncut model")};
    })[0];
  }
  std::vector<Score> edge(const std::vector<std::string>& codecs) {
    return measured("edge/", codecs, [&](const auto& lacking) { return score_edge(bench(), lacking); });
  }
  std::vector<Score> splits(const CutJob& job) {
    return measured("split/" + job.cut.id + "/", job.tls, [&](const auto& lacking) {
      return while_doing("scoring cut " + job.cut.id, [&] { return score_cut(bench(), model_, job.cut, lacking, split_.fit); });
    });
  }

  ScoreOptions options_;
  ScoreCache cache_;
  Graph model_;
  std::string model_sha_, context_;
  ImageSplit split_;
  std::vector<std::string> codecs_;
  std::vector<CutJob> jobs_;
  std::unique_ptr<Workbench> bench_;
};

}  // namespace

Scores score(const ScoreOptions& options) { return Scorer(options).run(); }

}  // namespace scissionlite
