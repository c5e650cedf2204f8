#include "train/rare/rare.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/text.h"
#include "collective/hub_member.h"
#include "collective/mpi.h"
#include "collective/threads.h"
#include "onnx/onnx.h"
#include "train/loop/loss.h"
#include "train/loop/trainer.h"
#include "train/rare/card.h"
#include "train/rare/coda.h"
#include "train/rare/member_checkpoint.h"
#include "train/rare/rare_plan.h"
#include "train/rare/two_classes.h"
#include "train/tensors/convert.h"

namespace scissionlite::train {
namespace {

constexpr double kLargestLogit = 12;  // shares of float32 are some 1e-7 apart near 1, where that is 6e-6 away
constexpr double kPausePerSave = 50;  // between two checkpoints, in times of what one takes: 2 % of the run at most

Json to_json(const RareMeasure& one) {
  return {{"stage", one.stage},
          {"step", one.step},
          {"rounds", one.rounds},
          {"rate", one.rate},
          {"loss", one.loss},
          {"seconds", one.seconds},
          {"auc", scissionlite::to_json(one.auc)}};
}
Json to_json(const ExchangeCounts& one) {
  return {{"rounds", one.rounds}, {"bytes_sent", one.bytes_sent}, {"bytes_received", one.bytes_received}, {"seconds", one.seconds}};
}
ExchangeCounts counts_from_json(const JsonReader& json) {
  return {json.at("rounds").integer(), json.at("bytes_sent").integer(), json.at("bytes_received").integer(), json.at("seconds").number()};
}
RareMeasure measure_from_json(const JsonReader& json) {
  const auto auc = json.at("auc");
  const auto interval = auc.at("interval").elements();
  RareMeasure out{json.at("stage").integer(),
                  json.at("step").integer(),
                  json.at("rounds").integer(),
                  json.at("rate").number(),
                  json.at("loss").number(),
                  json.at("seconds").number(),
                  {}};
  out.auc.value = auc.at("value").number(), out.auc.low = interval.at(0).number(), out.auc.high = interval.at(1).number();
  out.auc.positives = auc.at("positives").integer(), out.auc.negatives = auc.at("negatives").integer();
  return out;
}

/// One member's run.
class Member {
 public:
  Member(const RareJob& job, const RarePlan& plan, Collective& members)
      : job_(job),
        plan_(plan),
        members_(members),
        module_(plan.graph, {.update_statistics = job.train.update_statistics}),
        mine_(std::make_shared<TwoClasses>(plan.two_classes(plan.part(members.rank(), members.size())))),
        logits_(logits_value(plan.graph)) {
    const int threads = job.train.trainer.threads > 0 ? job.train.trainer.threads : this_machine().cores;
    use_threads(std::max(1, threads / members.size_here()));
    decoders_ = decoders_beside(std::max(1, threads / members.size_here()));
    module_.train({job.train.train, job.train.freeze, {}, ""});
  }

  /// The whole report in the first member, and in those that are apart.
  RareReport run() {
    std::optional<MemberCheckpoints::Resumed> saved;  // that it goes on from
    const bool is_late = members_.is_late();
    if (is_late) saved = {taken_over(), /*is_own=*/false};
    else introduce();
    options_ = plan_.coda(report_.training.images, members_.size());
    objective_ =
        make_objective(job_.objective, {.positive_rate = report_.positive_rate, .margin = job_.margin, .entropy = job_.entropy, .focus = job_.focus});
    const auto seed = job_.train.trainer.seed + static_cast<uint64_t>(members_.rank()) * 1000003;
    LoaderOptions options{.batch_size = job_.train.batch_size, .seed = seed, .decoders = decoders_};
    if (const auto positives = plan_.positives_in_batch()) options.order = balanced_order(mine_->is_positive(), options.batch_size, positives, seed);
    const Loader loader(mine_, options);
    Coda coda(module_, *objective_, members_, options_);
    const auto& trainer = job_.train.trainer;
    std::optional<MemberCheckpoints> files;
    if (!trainer.checkpoint.empty()) files.emplace(trainer.checkpoint, plan_.identity, members_);
    if (files && !is_late) saved = files->resume();
    Stream data(loader, saved ? saved->state.header.at("at").at("taken").get<int64_t>() : 0);
    started_us_ = saved_us_ = Clock::steady().now_us();
    if (saved) go_on(saved->state, coda, saved->is_own, is_late);
    else measure({});
    coda.set_save(
        [&](bool ends_stage) {
          return files &&
                 (ends_stage || Clock::steady().now_us() - saved_us_ >= std::min(trainer.checkpoint_seconds * 1e6, kPausePerSave * saving_us_));
        },
        [&] {
          const double begun_us = Clock::steady().now_us();
          if (files) files->save(state(coda, data));
          saved_us_ = Clock::steady().now_us();
          saving_us_ = saved_us_ - begun_us;
        });
    coda.set_welcome([&] { (void)members_.welcome(members_.leads() ? checkpoint_bytes(state(coda, data)) : ""); });
    std::optional<Progress> bar;
    if (is_whole()) bar.emplace("train", coda.total_steps() - shown_);
    try {
      coda.run(
          data, [&](const Batch& batch) { return logit(batch); },
          [&](const CodaProgress& at) {
            if (bar) bar->advance(at.step - shown_, "stage " + std::to_string(at.stage) + " loss " + format_fixed(at.loss, 4));
            shown_ = at.step;
            if (at.ends_stage || (job_.measure_steps > 0 && at.step >= measured_ + job_.measure_steps)) measure(at);
            return true;
          });
    } catch (const NotFinite& error) {
      throw InvalidArgument(std::string(error.what()) + (files && fs::exists(trainer.checkpoint)
                                                             ? "; the last good state is in '" + trainer.checkpoint.string() +
                                                                   "': the same command with a lower --lr goes on from there"
                                                             : ""));
    }
    if (scored_.empty()) score();  // the run had ended before
    if (is_whole()) finish();
    return std::move(report_);
  }

 private:
  /// Whether it reports and writes.
  [[nodiscard]] bool is_whole() const { return members_.leads() || members_.is_apart(); }

  [[nodiscard]] Checkpoint state(const Coda& coda, const Stream& data) const {
    auto state = coda.state(data);
    Json measures = Json::array();
    for (const auto& one : report_.measures) measures.push_back(to_json(one));
    const auto rounds = state.at.at("rounds");
    return {{{"identity", plan_.identity},
             {"at", std::move(state.at)},
             {"rounds", rounds},
             {"measured", measured_},
             {"seconds", seconds()},
             {"exchanged", to_json(exchanged())},
             {"options", plan_.options},
             {"own_images", plan_.images_sha256},
             {"measures", std::move(measures)},
             {"introduced",
              {{"images", report_.images},
               {"positives", report_.positives},
               {"positive_rate", report_.positive_rate},
               {"images_sha256", report_.images_sha256},
               {"held_out", held_out_},
               {"measures_alike", measures_alike_}}}},
            std::move(state.tensors)};
  }

  /// Of the others, who go on in the meantime: where they are.
  [[nodiscard]] Checkpoint taken_over() {
    log::info("the others have begun; waiting for their next average");
    auto out = checkpoint_of(members_.welcome(""), "the others' state");
    check_same_run(out.header.at("identity"), plan_.identity, "the others' state");
    Json theirs = out.header.at("options"), own = plan_.options;
    for (auto* options : {&theirs, &own}) options->erase("checkpoint");  // which a round is about that was before it came
    check_alike(theirs, own, 0);
    const auto& introduced = out.header.at("introduced");
    report_.images = introduced.at("images").get<std::vector<int64_t>>(), report_.positives = introduced.at("positives").get<std::vector<int64_t>>();
    report_.positive_rate = introduced.at("positive_rate").get<double>(),
    report_.images_sha256 = introduced.at("images_sha256").get<std::vector<std::string>>();
    held_out_ = introduced.at("held_out").get<int64_t>(), measures_alike_ = introduced.at("measures_alike").get<bool>();
    for (const int64_t count : report_.images) report_.training.images += count;
    report_.notes.push_back("member " + std::to_string(members_.rank()) + " came when the others had begun");
    note_job();
    return out;
  }
  void note_job() {
    report_.training.model = job_.train.model.string(), report_.training.output = job_.train.output.string(),
    report_.training.command = job_.train.command;
    report_.classes = plan_.data.classes, report_.kept_positives = plan_.kept_positives;
    report_.training.held_out = held_out_, report_.training.unreadable = static_cast<int64_t>(plan_.data.unreadable.size());
  }

  void go_on(const Checkpoint& saved, Coda& coda, bool is_own, bool is_late) {
    if (job_.own_images && is_own && saved.header.value("own_images", plan_.images_sha256) != plan_.images_sha256)
      throw InvalidArgument("[train] '" + job_.train.trainer.checkpoint.string() +
                            "' was saved by a run on other images than this member now has; give those, or remove the file to begin anew");
    coda.load({saved.header.at("at"), saved.tensors}, is_own);
    const JsonReader header(saved.header, "the checkpoint");
    measured_ = header.at("measured").integer(), shown_ = header.at("at").at("step").integer();
    report_.resumed = true;
    seconds_before_ = header.at("seconds").number();
    if (!is_late) exchanged_before_ = counts_from_json(header.at("exchanged"));
    if (!is_late && !is_own) report_.notes.push_back("members had no state in common: all went on from the newest that one of them had");
    if (!is_whole()) return;
    for (const auto& one : header.at("measures").elements()) report_.measures.push_back(measure_from_json(one));
    if (const auto before = header.at("options"); before.raw() != plan_.options)
      log::warning("the run had other options before: " + before.raw().dump() + ", it goes on with " + plan_.options.dump());
    log::info("going on from " + (is_late ? std::string("the others' state") : "'" + job_.train.trainer.checkpoint.string() + "'") + " at stage " +
              std::to_string(header.at("at").at("stage").integer()) + ", step " + std::to_string(shown_));
  }

  /// Members tell each other what they have, and find out whether they mean the same.
  void introduce() {
    const auto held_out = plan_.data.held_out->identity();
    Json own{{"images", mine_->size()}, {"positives", mine_->positives()},          {"images_sha256", plan_.images_sha256},
             {"held_out", held_out},    {"held_out_images", plan_.held_out.size()}, {"held_out_positives", plan_.held_out_positives},
             {"run", plan_.identity}};
    own["run"].update(plan_.options);
    double share = 0;
    int64_t positives = 0, measured_on = 0, measured_positives = 0;
    for (const auto& text : members_.gather(own.dump())) {
      const auto json = parse_json(text, "what a member has");
      const auto rank = report_.images.size();
      check_alike(json.at("run"), own.at("run"), static_cast<int>(rank));
      measures_alike_ = measures_alike_ && json.at("held_out") == held_out;
      measured_on += json.at("held_out_images").get<int64_t>(), measured_positives += json.at("held_out_positives").get<int64_t>();
      const auto images = json.at("images").get<int64_t>(), of_them = json.at("positives").get<int64_t>();
      report_.images.push_back(images), report_.positives.push_back(of_them),
          report_.images_sha256.push_back(json.at("images_sha256").get<std::string>());
      report_.training.images += images, positives += of_them;
      share += batch_share(images, of_them) / members_.size();
      if (of_them == 0)
        report_.notes.push_back("member " + std::to_string(rank) + " has no positive image among its " + std::to_string(images) +
                                "; it learns from negative ones, and the others teach it what a positive one is");
    }
    held_out_ = measures_alike_ ? static_cast<int64_t>(plan_.held_out.size()) : measured_on;
    check_both_classes("held-out images", held_out_, measures_alike_ ? plan_.held_out_positives : measured_positives);
    if (!measures_alike_)
      report_.notes.push_back("members measure on images of their own, " + std::to_string(held_out_) +
                              " together; their scores are compared as those of one set");
    check_both_classes("images", report_.training.images, positives);
    report_.positive_rate = share;
    note_job();
    if (is_whole())
      for (const auto& note : report_.notes) log::warning(note);
  }
  /// @throws InvalidArgument: a member was told something else than this one.
  void check_alike(const Json& theirs, const Json& own, int rank) const {
    const auto difference = first_difference(theirs, own);
    if (!difference) return;
    const auto& [key, their_value, own_value] = *difference;
    const std::string who = "[train] member " + std::to_string(rank) + " has ", me = "member " + std::to_string(members_.rank());
    if (key == "images" || key == "held_out")
      throw InvalidArgument(who + "other " + (key == "images" ? "images" : "held-out images") + ", or another input.json, than " + me +
                            "; all are to have the same, or --own-images");
    throw InvalidArgument(who + "'" + key + "' " + their_value + ", " + me + " " + own_value + "; all are to be given the same options");
  }
  /// Of a member's batches that is positive.
  [[nodiscard]] double batch_share(int64_t images, int64_t positives) const {
    const auto in_batch = plan_.positives_in_batch();
    if (in_batch == 0 || positives == 0 || positives == images) return static_cast<double>(positives) / static_cast<double>(images);
    return static_cast<double>(in_batch) / static_cast<double>(job_.train.batch_size);
  }

  void finish() {
    report_.is_whole = true;
    report_.exchanged = exchanged();
    report_.training.parameters_trained = static_cast<int64_t>(module_.trained().size()),
    report_.training.values_trained = count_values(module_.trained()),
    report_.training.parameters = static_cast<int64_t>(module_.parameters().size());
    const auto& scored = have_both_classes(scored_) ? scored_ : measured_on_;
    if (scored.empty())
      throw InvalidArgument(
          "[train] there is no threshold to choose: the members that are left have held-out images of one class alone, and no others were measured before" +
          std::string(job_.train.trainer.checkpoint.empty() ? "" : "; the checkpoint has the weights"));
    const auto chosen = choose_threshold(scored, job_.threshold);
    report_.operation = as_share(chosen);
    if (std::abs(chosen.threshold) > kLargestLogit) {
      report_.notes.push_back("the model is so sure of its answers that shares, in which the threshold is kept, hardly tell them apart near it (" +
                              format_fixed(report_.operation.threshold, 9) +
                              "): others than the report's may pass it; train for fewer steps, or with more --weight-decay");
      log::warning(report_.notes.back());
    }
    if (job_.threshold.most_false_alarms < 0)
      report_.costs_at_rate = job_.threshold.positive_rate >= 0 ? job_.threshold.positive_rate : share_of_positives(scored);
    for (const auto& one : operations(scored)) report_.curve.push_back(as_share(one));
    write();
  }
  /// Thresholds are chosen among logits, of which float32 tells more apart than of shares near 1.
  static Operation as_share(Operation of_logits) {
    of_logits.threshold = 1 / (1 + std::exp(-of_logits.threshold));
    return of_logits;
  }

  torch::Tensor logit(const Batch& batch) {
    const auto logits = module_.run({{module_.graph().inputs.at(0).name, to_torch(batch.input, torch::kFloat)}}, {logits_}).at(logits_).flatten(1);
    return logits.select(1, 1) - logits.select(1, 0);
  }

  /// Each member scores its own held-out images, or a part of those that all have; all scores meet. Again, where a member is lost meanwhile.
  void score() {
    for (std::vector<int> present; present != members_.present();) {
      present = members_.present();
      score_part(static_cast<size_t>(std::find(present.begin(), present.end(), members_.rank()) - present.begin()), present.size());
    }
  }
  void score_part(size_t first, size_t step) {
    torch::NoGradGuard guard;
    const bool updates = module_.options().update_statistics;
    module_.set_update_statistics(false);
    std::vector<int64_t> part;
    if (measures_alike_)
      for (size_t i = first; i < plan_.held_out.size(); i += step) part.push_back(plan_.held_out[i]);
    else part = plan_.held_out;
    std::vector<Scored> mine;
    if (!part.empty()) {
      const Loader loader(std::make_shared<TwoClasses>(plan_.data.held_out, std::vector<int64_t>{1}, part),
                          {.batch_size = job_.train.batch_size, .shuffle = false, .augment = false, .decoders = decoders_});
      const auto reader = loader.epoch(0);
      while (const auto batch = reader->next()) {
        const auto scores = logit(*batch).contiguous();
        for (int64_t i = 0; i < batch->size(); ++i) mine.push_back({scores.data_ptr<float>()[i], batch->labels[static_cast<size_t>(i)] == 1});
      }
    }
    module_.set_update_statistics(updates);
    scored_.clear();
    for (const auto& bytes : members_.gather({reinterpret_cast<const char*>(mine.data()), mine.size() * sizeof(Scored)})) {
      if (bytes.size() % sizeof(Scored) != 0)
        throw InvalidArgument("[train] a member sent " + std::to_string(bytes.size()) +
                              " bytes, which are no scores; are all given the same options?");
      const auto* from = reinterpret_cast<const Scored*>(bytes.data());
      scored_.insert(scored_.end(), from, from + bytes.size() / sizeof(Scored));
    }
    if (!std::all_of(scored_.begin(), scored_.end(), [](const Scored& one) { return std::isfinite(one.score); }))
      throw NotFinite("[train] scores of held-out images are not finite; train with a lower learning rate");
  }

  void measure(const CodaProgress& at) {
    score();
    measured_ = at.step;
    if (!is_whole()) return;
    if (!have_both_classes(scored_)) {
      log::warning("AUC is not measured: the members that are here have held-out images of one class alone");
      return;
    }
    measured_on_ = scored_;
    const auto auc = auc_of(scored_);
    report_.measures.push_back({at.stage, at.step, at.rounds, at.rate, at.loss, seconds(), auc});
    log::info((at.stage == 0 ? std::string("before training")
                             : "stage " + std::to_string(at.stage) + ", step " + std::to_string(at.step) + ", round " + std::to_string(at.rounds) +
                                   ": loss " + format_fixed(at.loss, 4)) +
              ", held-out AUC " + format_fixed(auc.value, 4) + " (" + format_fixed(auc.low, 4) + " to " + format_fixed(auc.high, 4) + ")");
  }
  [[nodiscard]] static double share_of_positives(const std::vector<Scored>& scored) {
    return static_cast<double>(std::count_if(scored.begin(), scored.end(), [](const Scored& one) { return one.is_positive; })) /
           static_cast<double>(std::max<size_t>(1, scored.size()));
  }
  [[nodiscard]] static bool have_both_classes(const std::vector<Scored>& scored) {
    return share_of_positives(scored) > 0 && share_of_positives(scored) < 1;
  }

  /// Since the run began, also where it was stopped in between.
  [[nodiscard]] double seconds() const { return seconds_before_ + (Clock::steady().now_us() - started_us_) * 1e-6; }
  [[nodiscard]] ExchangeCounts exchanged() const {
    const auto& now = members_.counts();
    const auto& before = exchanged_before_;
    return {before.rounds + now.rounds, before.bytes_sent + now.bytes_sent, before.bytes_received + now.bytes_received, before.seconds + now.seconds};
  }

  void write() {
    auto graph = module_.export_graph();
    auto input = plan_.input;
    const bool gives_logits = graph.outputs[0].name == logits_ || gives_logarithms(graph);
    input.decision = vision::Decision{.positive = 1, .threshold = report_.operation.threshold, .scores = gives_logits ? "logits" : "shares"};
    const auto text = vision::to_json(input);
    graph.metadata[vision::kInputMetadataKey] = text.dump();
    save_model(graph, job_.train.output);
    write_file(fs::path(job_.train.output).replace_extension(".input.json"), text.dump(2) + "\n");
    write_file(fs::path(job_.train.output).replace_extension(".card.md"), card_of(job_, report_, plan_.identity));
  }

  const RareJob& job_;
  const RarePlan& plan_;
  Collective& members_;
  Module module_;
  std::unique_ptr<Objective> objective_;
  std::shared_ptr<const TwoClasses> mine_;
  std::string logits_;
  std::vector<Scored> scored_, measured_on_;  // by logits: the last ones, and the last ones of both classes
  RareReport report_;
  bool measures_alike_ = true;  // all have the same held-out images, of which each member scores a part
  int64_t held_out_ = 0;        // images, of all members
  double started_us_ = 0, saved_us_ = 0, saving_us_ = 0, seconds_before_ = 0;
  ExchangeCounts exchanged_before_;
  int64_t shown_ = 0, measured_ = 0;
  CodaOptions options_;
  int decoders_ = 1;
};

/// As a process of an MPI job: joined first, so that a member that finds something wrong can end the others. It is said before that ends this process
/// too.
RareReport run_under_mpi(const RareJob& job) {
  if (job.workers > 1)
    throw InvalidArgument("[train] --workers " + std::to_string(job.workers) +
                          " are threads of one process; here members are the processes that mpirun started");
  const auto members = join_mpi(job.wait_s);
  try {
    const RarePlan plan(job);
    return Member(job, plan, *members).run();
  } catch (const std::exception& error) {
    log::error(error.what());
    throw;
  }
}

/// As a site: taken back where the others went on without it, as often as it moves on in between.
RareReport run_at_hub(const RareJob& job) {
  if (job.workers > 1)
    throw InvalidArgument("[train] --workers " + std::to_string(job.workers) + " are threads of one process; at a hub each site is a member");
  const RarePlan plan(job);
  for (;;) {
    try {
      const auto members = join_hub(job.hub);
      return Member(job, plan, *members).run();
    } catch (const MemberLost& lost) { log::warning(std::string(lost.what()) + "; going back to them"); }
  }
}

RareReport run_threads(const RareJob& job) {
  const RarePlan plan(job);
  RareReport report;
  run_in_threads(job.workers, job.wait_s, [&](Collective& members) {
    auto mine = Member(job, plan, members).run();
    if (mine.is_whole) report = std::move(mine);
  });
  return report;
}

}  // namespace

Json to_json(const RareReport& report) {
  Json out = to_json(report.training);
  for (const char* key : {"epochs", "best_epoch", "stopped_early"}) out.erase(key);
  out["resumed"] = report.resumed;
  out["schema"] = "scissionlite.rare_training/1";
  out["members"] = Json::array();
  for (size_t rank = 0; rank < report.images.size(); ++rank)
    out["members"].push_back({{"images", report.images[rank]}, {"positives", report.positives[rank]}});
  out["notes"] = report.notes;
  out["positive_rate"] = report.positive_rate;
  out["exchanged"] = to_json(report.exchanged);
  out["measures"] = Json::array();
  for (const auto& one : report.measures) out["measures"].push_back(to_json(one));
  out["operation"] = to_json(report.operation);
  if (report.costs_at_rate >= 0) out["operation"]["costs_at_rate"] = report.costs_at_rate;
  out["curve"] = Json::array();
  for (const auto& one : report.curve)
    if (std::isfinite(one.threshold)) out["curve"].push_back({one.threshold, one.recall, one.false_alarms, one.precision});
  return out;
}

RareReport train_rare(const RareJob& job) {
  const double started_us = Clock::steady().now_us();
  if (!job.report.empty()) check_writable(job.report);
  if (job.hub.hub.empty()) refuse_tasks_without_mpi();
  auto report = !job.hub.hub.empty() ? run_at_hub(job) : is_under_mpi() ? run_under_mpi(job) : run_threads(job);
  report.training.seconds = (Clock::steady().now_us() - started_us) * 1e-6;
  if (!job.report.empty() && report.is_whole) write_file(job.report, to_json(report).dump(2) + "\n");
  return report;
}

}  // namespace scissionlite::train
