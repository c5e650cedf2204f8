#include "profile/measure_model.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "ops/cut_cost.h"
#include "profile/tasks_internal.h"

namespace scissionlite {
namespace {

using namespace profiling;

constexpr size_t kMostTasksAtOnce = 12;  // so that a turn comes round soon
constexpr size_t kMostInputs = 16;       // images that learned TLs are fitted on here: times need no more
constexpr double kShortestItemUs = 2e4;  // given to an item even when the budget is short

std::vector<const Cut*> single_cuts(const ChosenCuts& chosen) {
  std::vector<const Cut*> singles;
  for (const auto& cut : chosen.cuts)
    if (cut.is_single()) singles.push_back(&cut);
  return singles;
}

/// Does tasks in groups, within the budget; results go to the store.
class Runner {
 public:
  Runner(const ProfileOptions& options, PartialTimings& store, ProfileResult& result)
      : options_(options), store_(store), result_(result), end_us_(clock_.now_us() + options.budget_us) {}

  void run(std::vector<Task> tasks) {
    for (const auto& task : tasks) result_.total += task.names.size();
    total_left_ = 0;
    for (const auto& task : tasks) total_left_ += task.names.size();
    std::vector<Task> group;
    double bytes = 0;
    for (auto& task : tasks) {
      if (is_known(task)) {
        count_done(task);
        continue;
      }
      if (!group.empty() && (group.size() == kMostTasksAtOnce || bytes + task.bytes > options_.memory_bytes)) {
        run_group(group);
        group.clear();
        bytes = 0;
      }
      bytes += task.bytes;
      group.push_back(std::move(task));
    }
    run_group(group);
  }

 private:
  [[nodiscard]] bool is_known(const Task& task) const {
    return std::all_of(task.names.begin(), task.names.end(), [&](const auto& name) { return store_.find(name) != nullptr; });
  }
  void count_done(const Task& task) {
    result_.measured += task.names.size();
    total_left_ -= task.names.size();
    report(task.names.front());
  }
  void report(const std::string& what) const {
    if (options_.progress) options_.progress(result_.total - total_left_, result_.total, what);
  }
  void leave_out(const Task& task) {
    result_.left_out.insert(result_.left_out.end(), task.names.begin(), task.names.end());
    total_left_ -= task.names.size();
  }

  void run_group(std::vector<Task>& group) {
    std::vector<MeasureItem> items;
    for (auto& task : group) {
      if (clock_.now_us() >= end_us_) {
        leave_out(task);
        continue;
      }
      report(task.names.front());
      try {
        for (auto& item : task.make()) items.push_back(std::move(item));
      } catch (const Error& e) {
        result_.refused.push_back(task.names.front() + ": " + e.what());
        total_left_ -= task.names.size();
      }
    }
    if (items.empty()) return;
    auto measure_options = options_.measure;
    const double left_us = std::max(0.0, end_us_ - clock_.now_us());
    const double share_us = left_us / static_cast<double>(std::max<size_t>(total_left_, 1));
    measure_options.max_item_us = std::clamp(share_us, kShortestItemUs, options_.measure.max_item_us);
    measure_options.deadline_us = end_us_;
    const auto timings = measure(items, measure_options, clock_, [&](const MeasureItem& item) {
      --total_left_;
      report(item.name);
    });
    for (size_t i = 0; i < items.size(); ++i) {
      store_.put(items[i].name, timings[i]);
      ++result_.measured;
      if (!is_settled(timings[i], options_.measure.max_ci)) ++result_.unsettled;
    }
    store_.save();
  }

  const ProfileOptions& options_;
  PartialTimings& store_;
  ProfileResult& result_;
  Clock& clock_ = Clock::steady();
  double end_us_;
  size_t total_left_ = 0;
};

std::vector<Task> all_tasks(const ProfileOptions& options, SliceTasks& slices, ImageTasks& images) {
  std::vector<Task> tasks{slices.whole()};
  for (auto& task : images.tasks()) tasks.push_back(std::move(task));
  for (const auto& cut : options.chosen.cuts) tasks.push_back(slices.halves(cut));
  const auto each_tl = [&](auto&& add) {
    for (const auto& cut : options.chosen.cuts)
      if (const auto it = options.chosen.tls.find(cut.id); it != options.chosen.tls.end())
        for (const auto& tl : it->second) add(cut, tl);
  };
  // Joined slices before encoders and decoders alone: a call of its own costs an encoder more than it takes inside the slice.
  each_tl([&](const Cut& cut, const std::string& tl) {
    if (tl == kUnchangedTl) slices.note_plain(cut);  // the slice itself: nothing more to time
    else tasks.push_back(slices.halves_with_tl(cut, tl));
  });
  each_tl([&](const Cut& cut, const std::string& tl) {
    if (tl != kUnchangedTl) tasks.push_back(slices.tl_alone(cut, tl));
  });
  const auto singles = single_cuts(options.chosen);
  if (options.blocks)
    for (size_t i = 0; i <= singles.size(); ++i)
      tasks.push_back(slices.block(i, i > 0 ? singles[i - 1] : nullptr, i < singles.size() ? singles[i] : nullptr));
  return tasks;
}

Timing timing_of(const PartialTimings& store, const std::string& name) {
  const auto* timing = store.find(name);
  return timing ? *timing : Timing{};
}

CutProfile cut_profile(const Cut& cut, const std::vector<std::string>& tls, const PartialTimings& store) {
  CutProfile out;
  out.id = cut.id;
  out.tensors = cut.tensors;
  out.bytes = std::max<int64_t>(cut.bytes, 0);
  out.head_macs = std::max<int64_t>(cut.head_macs, 0);
  out.position = cut.position;
  out.region = cut.region;
  out.single = cut.is_single();
  out.head = timing_of(store, head_name(cut.id));
  out.tail = timing_of(store, tail_name(cut.id));
  for (const auto& tl : tls) {
    TlProfile times;
    times.wire_bytes = store.size(wire_name(cut.id, tl));
    if (times.wire_bytes < 0) continue;  // never fitted: the budget ended before
    times.wire_bytes_vary = store.size(varies_name(cut.id, tl)) > 0;
    times.encode = timing_of(store, encode_name(cut.id, tl));
    times.decode = timing_of(store, decode_name(cut.id, tl));
    times.head_with_tl = tl == kUnchangedTl ? out.head : timing_of(store, head_name(cut.id, tl));
    times.tail_with_tl = tl == kUnchangedTl ? out.tail : timing_of(store, tail_name(cut.id, tl));
    out.tls[tl] = times;
  }
  return out;
}

void assemble(Profile& profile, const ProfileOptions& options, const PartialTimings& store) {
  profile.whole = timing_of(store, "whole");
  profile.preprocess = timing_of(store, "preprocess");
  profile.values = timing_of(store, "values");
  for (const auto& codec : options.chosen.codecs) {
    if (const auto encode = timing_of(store, "image_encode/" + codec); encode.measured()) profile.image_encode[codec] = encode;
    if (const auto decode = timing_of(store, "image_decode/" + codec); decode.measured()) profile.image_decode[codec] = decode;
  }
  if (const auto file = timing_of(store, "image_decode/file"); file.measured()) profile.image_decode["file"] = file;
  for (const auto& cut : options.chosen.cuts) {
    const auto tls = options.chosen.tls.find(cut.id);
    profile.cuts.push_back(cut_profile(cut, tls == options.chosen.tls.end() ? std::vector<std::string>() : tls->second, store));
  }
  if (options.blocks)
    for (size_t i = 0; i <= single_cuts(options.chosen).size(); ++i) profile.blocks.push_back(timing_of(store, block_name(i)));
}

Json partial_key(const ProfileOptions& options, const EngineInfo& engine) {
  const auto& machine = this_machine();
  return {{"model_sha256", options.model_sha256},
          {"engine", engine.spec},
          {"engine_version", engine.version},
          {"threads", engine.threads},
          {"precision", engine.precision},
          {"cpu", machine.cpu},
          {"cores", machine.cores},
          {"max_ci", options.measure.max_ci},
          {"input", vision::to_json(options.input)},
          {"max_item_us", options.measure.max_item_us},
          {"pause_us", options.measure.pause_us},
          {"images", options.images.size()}};
}

}  // namespace

ProfileResult profile_model(const Graph& given, const ProfileOptions& given_options) {
  ProfileOptions options = given_options;
  if (options.engine.empty()) options.engine = default_backend();
  Graph model = given;
  ops::annotate(model);
  ProfileResult result;
  auto& profile = result.profile;
  profile.machine_name = options.machine_name;
  profile.machine = this_machine();
  profile.model_name = options.model_name;
  profile.model_sha256 = options.model_sha256;
  profile.model_macs = ops::total_macs(model);

  ImageTasks images(options);
  SliceTasks slices(model, options, images.model_inputs(kMostInputs));
  PartialTimings store(options.partial, partial_key(options, slices.engine_info()));
  slices.note_sizes_in(store);
  profile.engine = slices.engine_info();
  profile.engine.spec = options.engine;
  profile.input_bytes = slices.input_bytes();
  profile.output_bytes = slices.output_bytes();
  profile.answer_bytes = slices.answer_bytes();
  profile.image_bytes = images.bytes();
  Runner(options, store, result).run(all_tasks(options, slices, images));
  assemble(profile, options, store);
  if (result.left_out.empty()) store.remove();
  return result;
}

}  // namespace scissionlite
