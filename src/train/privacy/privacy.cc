#include "train/privacy/privacy.h"

#include "base/base64.h"
#include "base/log.h"
#include "base/progress.h"
#include "engine/engine.h"
#include "onnx/onnx.h"
#include "ops/cut_cost.h"
#include "score/activations.h"
#include "score/cut_choice.h"
#include "score/picture_quality.h"
#include "train/data/hold_out.h"
#include "train/loop/checkpoint.h"
#include "train/loop/trainer.h"
#include "train/privacy/rebuilder.h"
#include "vision/model_input.h"
#include "vision/resize.h"

namespace scissionlite::train {
namespace {

constexpr size_t kShown = 4;                            // pictures kept for the report
constexpr const char* kPictureCodec = "jpeg-q90-444";   // that they are kept in
constexpr const char* kBaselineCodec = "jpeg-q75-420";  // of the picture sent as it is
constexpr int kMeasuringVersion = 1;                    // raised when the way of measuring changes
constexpr int kSmallest = 16;                           // pixels each way: SSIM's window is 11

struct Case {
  Cut cut;
  std::string tl;
  [[nodiscard]] std::string key() const { return "split/" + cut.id + "/" + tl; }
};

std::string as_text(const vision::Image& image) { return to_base64(vision::encode(image, kPictureCodec)); }

/// Values of every held-out picture, collected one by one.
struct Judged {
  std::vector<double> psnr, similarity;
  std::vector<std::string> shown;
  void add(const vision::Image& original, const vision::Image& rebuilt) {
    psnr.push_back(psnr_db(original, rebuilt));
    similarity.push_back(ssim(original, rebuilt));
    if (shown.size() < kShown) shown.push_back(as_text(rebuilt));
  }
  [[nodiscard]] PrivacyRow row(const std::string& name) const {
    return {.candidate = name, .quality = rebuild_quality(psnr, similarity), .pictures = shown};
  }
};

class Measurement {
 public:
  explicit Measurement(const PrivacyJob& job)
      : job_(job), graph_(load_model(job.model)), engine_(job.engine.empty() ? default_backend() : job.engine) {
    if (graph_.inputs.size() != 1)
      throw Unsupported("[privacy] the model has " + std::to_string(graph_.inputs.size()) + " inputs; pictures are rebuilt for models of one image");
    vision::check_fits(job.input, graph_, job.model.string());
    graph_ = vision::with_input_size(std::move(graph_), job.input);
    split_ = hold_out(job.images, {}, job.holdout, "privacy");
    size_ = picture_size(job.input, job.size);
    if (std::min(size_.width, size_.height) < kSmallest)
      throw InvalidArgument("[privacy] pictures of " + std::to_string(size_.width) + " x " + std::to_string(size_.height) +
                            " pixels, expected at least " + std::to_string(kSmallest) + " each way; give a larger --size");
    list_cases();
    check_writable(job.output);
    start_table();
    use_threads(job.threads);
  }

  Privacy run() {
    if (table_.baselines.empty()) add_baselines();
    for (size_t i = 0; i < cases_.size(); ++i) {
      if (is_known(cases_[i])) continue;
      log::info("[privacy] " + cases_[i].key() + ", " + std::to_string(i + 1) + " of " + std::to_string(cases_.size()));
      keep(while_doing("measuring " + cases_[i].key(), [&] { return measure(cases_[i]); }));
    }
    table_.command = job_.command;
    write_json(job_.output, to_json(table_));
    return table_;
  }

 private:
  [[nodiscard]] const std::vector<fs::path>& held_out() const { return split_.measured_on; }
  [[nodiscard]] const std::vector<fs::path>& trained_on() const { return split_.learned_from; }

  void list_cases() {
    for (const auto& cut : choose_cuts(ops::find_costed_cuts(graph_), job_.cuts))
      for (const auto& tl : choose_tls(cut, job_.tls, job_.shelf)) cases_.push_back({cut, tl});
    if (cases_.empty())
      throw InvalidArgument("[privacy] no candidate is left of the cuts and transfer layers given; `scissionlite inspect --cuts` lists cuts");
  }

  /// All that decides the numbers beside the candidate.
  [[nodiscard]] Json job_facts(const std::string& sha256) const {
    return {{"model_sha256", sha256},
            {"input_sha256", sha256_hex(vision::to_json(job_.input).dump())},
            {"trained_on_sha256", split_.learned_from_sha256},
            {"held_out_sha256", split_.measured_on_sha256},
            {"width", size_.width},
            {"height", size_.height},
            {"views", job_.views},
            {"flip", job_.augmentation.flip},
            {"crop", job_.augmentation.crop},
            {"epochs", job_.epochs},
            {"patience", job_.patience},
            {"rate", job_.rate},
            {"batch_size", job_.batch_size},
            {"seed", job_.seed},
            {"engine", engine_},
            {"version", kMeasuringVersion}};
  }

  void start_table() {
    const auto sha256 = model_sha256(job_.model);
    const auto facts = job_facts(sha256);
    if (fs::exists(job_.output)) {
      table_ = load_privacy(job_.output);
      check_same_run(table_.job, facts, job_.output.string());
      return;
    }
    table_ = {.model_sha256 = sha256,
              .images = static_cast<int64_t>(trained_on().size()),
              .held_out = static_cast<int64_t>(held_out().size()),
              .images_sha256 = split_.measured_on_sha256,
              .width = size_.width,
              .height = size_.height,
              .job = facts,
              .command = job_.command};
  }

  [[nodiscard]] bool is_known(const Case& given) const {
    const auto* row = table_.find(given.key());
    if (!row) return false;
    const bool is_same = row->tl_sha256 == job_.shelf.content_hash(given.tl);
    if (is_same) log::info("[privacy] " + given.key() + " is there already");
    else
      log::warning("[privacy] " + given.key() + " in '" + job_.output.string() + "' is of another transfer layer of that name; it is measured again");
    return is_same;
  }

  void keep(PrivacyRow row) {
    std::erase_if(table_.candidates, [&](const PrivacyRow& old) { return old.candidate == row.candidate; });
    table_.candidates.push_back(std::move(row));
    write_json(job_.output, to_json(table_));
  }

  [[nodiscard]] vision::Image shrunk(const vision::Image& image) const {
    return vision::resize(image, size_.width, size_.height, vision::Filter::kBilinear);
  }
  [[nodiscard]] vision::Image seen(const fs::path& path) const {
    return while_doing("reading '" + path.string() + "'", [&] { return vision::resize_and_crop(vision::load_image(path), job_.input); });
  }

  [[nodiscard]] vision::Image mean_picture(Progress& progress) const {
    std::vector<double> sum(static_cast<size_t>(size_.width) * static_cast<size_t>(size_.height) * 3);
    for (const auto& path : trained_on()) {
      const auto picture = shrunk(seen(path));
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += picture.rgb[i];
      progress.advance();
    }
    vision::Image out{size_.width, size_.height, {}};
    for (const double value : sum) out.rgb.push_back(static_cast<uint8_t>(std::lround(value / static_cast<double>(trained_on().size()))));
    return out;
  }

  /// What is known without anything received, and with the picture itself.
  void add_baselines() {
    Progress progress("baselines", static_cast<int64_t>(job_.images.size()));
    const auto mean = mean_picture(progress);
    Judged blind, sent;
    for (const auto& path : held_out()) {
      const auto whole = seen(path);
      const auto original = shrunk(whole);
      if (table_.originals.size() < kShown) table_.originals.push_back(as_text(original));
      blind.add(original, mean);
      sent.add(original, shrunk(vision::decode(vision::encode(whole, kBaselineCodec), "the JPEG baseline")));
      progress.advance();
    }
    table_.baselines = {blind.row("mean picture"), sent.row(std::string("edge/") + kBaselineCodec)};
    write_json(job_.output, to_json(table_));
  }

  [[nodiscard]] std::vector<transfer::Codec> codecs_of(const Case& given) const {
    const auto layer = job_.shelf.make(given.tl);
    std::vector<std::vector<Tensor>> samples;
    if (layer->needs_samples()) samples = fit_samples(graph_, given.cut.tensors, trained_on(), job_.input, engine_, job_.threads);
    return transfer::split(graph_, given.cut, *layer, samples).codecs;
  }

  [[nodiscard]] PrivacyRow measure(const Case& given) const {
    Sender sender(graph_, given.cut, codecs_of(given), job_.input, engine_, job_.threads);
    SendOptions options{.picture = size_, .views = job_.views, .augmentation = job_.augmentation, .seed = job_.seed, .what = given.key()};
    const auto fit = sender.send(trained_on(), options);
    options.views = 1;
    const auto judged = sender.send(held_out(), options);
    Rebuilder rebuilder(fit, judged,
                        {.epochs = job_.epochs,
                         .patience = job_.patience,
                         .batch_size = job_.batch_size,
                         .rate = job_.rate,
                         .seed = job_.seed,
                         .threads = job_.threads});
    const auto rebuilt = rebuilder.run(table_.originals.size());
    PrivacyRow row{.candidate = given.key(),
                   .quality = rebuilt.quality,
                   .best_epoch = rebuilt.best_epoch,
                   .examples = fit.size(),
                   .tl_sha256 = job_.shelf.content_hash(given.tl)};
    for (const auto& picture : rebuilt.pictures) row.pictures.push_back(as_text(picture));
    return row;
  }

  const PrivacyJob& job_;
  Graph graph_;
  std::string engine_;
  HeldOut split_;
  PictureSize size_;
  std::vector<Case> cases_;
  Privacy table_;
};

}  // namespace

Privacy measure_privacy(const PrivacyJob& job) { return Measurement(job).run(); }

}  // namespace scissionlite::train
