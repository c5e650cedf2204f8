// The headline in words, where agreement comes from, what is refused, and that nothing from a file becomes markup.
#include "report/report.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"
#include "report/markup.h"
#include "report/scale.h"
#include "report/view.h"

namespace scissionlite::report {
namespace {

const std::string kSha(64, 'a'), kOtherSha(64, 'b');

PlannedCandidate planned(const std::string& key, double latency_us, double bytes, double agreement) {
  PlannedCandidate c;
  c.key = key;
  c.family = candidate_from_key(key).family();
  c.latency_us = latency_us;
  c.bytes = bytes;
  c.agreement = agreement;
  c.agreement_interval = {agreement - 0.02, agreement + 0.01};
  c.agreement_n = 268;
  c.stages = {{.machine = "device",
               .decode_us = 0,
               .compute_us = latency_us / 2,
               .encode_us = 0,
               .wire_us = latency_us / 2,
               .bytes = bytes,
               .first = "",
               .last = ""}};
  return c;
}

Plan sample_plan() {
  Plan plan;
  plan.model_name = "net";
  plan.model_sha256 = kSha;
  plan.machines = {"device", "edge"};
  plan.link_rtt_us = {27'400};
  plan.link_up_bps = plan.link_down_bps = {5e6};
  plan.chosen = planned("split/12/uint8", 50'000, 9'400, 0.97);
  plan.families = {planned("local", 150'000, 0, 0.99), plan.chosen, planned("edge/jpeg-q90-420", 70'000, 16'600, 0.94)};
  plan.top = plan.families;
  return plan;
}

BenchRow measured(const std::string& key, double latency_us, double agreement, int64_t n) {
  BenchRow row;
  row.key = key;
  row.n = n;
  row.latency_median_us = latency_us;
  row.latency_p95_us = 1.2 * latency_us;
  row.latency_ci = {0.98 * latency_us, 1.02 * latency_us};
  row.bytes_mean = row.bytes_p95 = key == "local" ? 0 : 9'400;
  row.agreement = agreement;
  row.agreement_interval = {agreement - 0.1, agreement + 0.05};
  row.agreement_n = n;
  return row;
}

BenchResults sample_bench() {
  BenchResults bench;
  bench.model_name = "net";
  bench.model_sha256 = kSha;
  bench.link_rtt_us = 27'400;
  bench.link_up_bps = bench.link_down_bps = 5e6;
  bench.rows = {measured("local", 144'000, 0.99, 40), measured("split/12/uint8", 48'000, 0.925, 40)};
  return bench;
}

Inputs with_plan() {
  Inputs inputs;
  inputs.plan = sample_plan();
  return inputs;
}
Inputs with_both() {
  Inputs inputs = with_plan();
  inputs.benches = {sample_bench()};
  return inputs;
}

Scores sample_scores(const std::string& metric) {
  Scores scores;
  scores.model_sha256 = kSha;
  scores.metric = metric;
  scores.scores = {{.candidate = "split/12/uint8", .agreement = 0.96, .interval = {0.93, 0.98}, .n = 500, .note = ""}};
  return scores;
}

const CandidateRow& row_of(const View& view, const std::string& key) {
  for (const auto& row : view.tables.at(0).rows)
    if (row.key == key) return row;
  throw std::runtime_error("no row " + key);
}

std::string error_of(const Inputs& inputs) {
  try {
    (void)render_html(inputs);
  } catch (const InvalidArgument& e) { return e.what(); }
  return "(nothing was thrown)";
}

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(ReportHeadline, OfAPlanSaysThatItPredicts) {
  const View view = make_view(with_plan());
  EXPECT_TRUE(view.is_prediction);
  EXPECT_EQ(
      view.headline,
      "Splitting net (cut 12, uint8) is predicted to answer in 50.0 ms, 3.00 times faster than the device alone (150 ms), and sends 9.40 kB an image. "
      "Its answer is the uncut model's on 97.0 % of 268 images (95 % interval 95.0\u201398.0 %).");
  EXPECT_TRUE(holds(
      view.subline,
      "the best edge-only candidate (Edge only, JPEG q90 4:2:0) is predicted at 70.0 ms and sends 16.6 kB at agreement 94.0 % (n = 268, 92.0\u201395.0 %)"))
      << view.subline;
}

TEST(ReportHeadline, OfABenchIsMeasured) {
  const View view = make_view(with_both());
  EXPECT_FALSE(view.is_prediction);
  EXPECT_EQ(view.headline,
            "Splitting net (cut 12, uint8) answers in 48.0 ms, 3.00 times faster than the device alone (144 ms), and sends 9.40 kB an image. "
            "Its answer is the uncut model's on 92.5 % of 40 images (95 % interval 82.5\u201397.5 %).");
}

TEST(ReportHeadline, SaysWhenThePlanWasNotTheFastest) {
  auto inputs = with_both();
  inputs.benches[0].rows.push_back(measured("edge/jpeg-q90-420", 40'000, 0.9, 40));
  EXPECT_TRUE(holds(
      make_view(inputs).subline,
      "In this measurement the plan was not the fastest: Edge only, JPEG q90 4:2:0 took 40.0 ms at agreement 90.0 % (n = 40, 80.0\u201395.0 %)."))
      << make_view(inputs).subline;
}

TEST(ReportHeadline, SaysSlowerWhereItIs) {
  auto inputs = with_plan();
  inputs.plan->families[0].latency_us = 25'000;
  EXPECT_TRUE(holds(make_view(inputs).headline, "2.00 times slower than the device alone (25.0 ms)"));
}

TEST(ReportHeadline, OfLocalSendsNothing) {
  auto inputs = with_plan();
  inputs.plan->chosen = inputs.plan->families[0];
  EXPECT_EQ(make_view(inputs).headline, "Keeping net on the device is predicted to answer in 150 ms, and nothing leaves the device.");
}

TEST(ReportHeadline, OfUnscoredCandidatesSaysSo) {
  auto inputs = with_plan();
  inputs.plan->chosen.agreement = -1;
  EXPECT_TRUE(holds(make_view(inputs).headline, "was not measured (see `scissionlite score`)"));
}

TEST(ReportHeadline, OfBenchAloneNamesTheFastestThatRan) {
  Inputs inputs;
  inputs.benches = {sample_bench()};
  BenchRow failed;
  failed.key = "edge/webp-q80";
  failed.error = "the edge went away";
  inputs.benches[0].rows.push_back(failed);
  EXPECT_TRUE(holds(make_view(inputs).headline, "Splitting net (cut 12, uint8) answers in 48.0 ms"));
  EXPECT_EQ(make_view(inputs).tables[0].rows.back().problem, "the edge went away");
}

TEST(ReportAgreement, OfTheBenchCarriesTheBenchsImages) {
  auto inputs = with_both();
  inputs.scores = sample_scores("top1");
  const View view = make_view(inputs);
  const auto& agreement = row_of(view, "split/12/uint8").agreement;
  EXPECT_TRUE(agreement.is_of_bench);
  EXPECT_EQ(agreement.share, 0.925);
  EXPECT_EQ(agreement.n, 40);
  EXPECT_EQ(agreement.interval.low, 0.925 - 0.1);
  EXPECT_EQ(agreement.interval.high, 0.925 + 0.05);
}

TEST(ReportAgreement, NotMeasuredByTheBenchIsThatOfTheScores) {
  auto inputs = with_both();
  inputs.scores = sample_scores("top1");
  inputs.benches[0].rows[1].agreement = -1;
  inputs.benches[0].rows[1].agreement_n = 0;
  const View view = make_view(inputs);
  const auto& agreement = row_of(view, "split/12/uint8").agreement;
  EXPECT_FALSE(agreement.is_of_bench);
  EXPECT_EQ(agreement.share, 0.96);
  EXPECT_EQ(agreement.n, 500);
  EXPECT_EQ(row_of(view, "edge/jpeg-q90-420").agreement.n, 268) << "what the plan took from its own scores";
}

TEST(ReportAgreement, TopOneOfTheBenchDoesNotReplaceAnotherMetric) {
  auto inputs = with_both();
  inputs.scores = sample_scores("cosine");
  const View view = make_view(inputs);
  EXPECT_EQ(row_of(view, "split/12/uint8").agreement.n, 500);
  EXPECT_TRUE(holds(view.headline, "Its agreement with the uncut model (cosine) is 96.0 % over 500 images")) << view.headline;
}

TEST(ReportAgreement, ByConstructionHasNoImages) {
  EXPECT_EQ(interval_words({.share = 1}), "by construction");
  EXPECT_EQ(interval_words({}), "not measured");
  EXPECT_EQ(interval_words({.share = 0.9, .interval = {0.817, 0.953}, .n = 74}), "n = 74, 81.7\u201395.3 %");
}

TEST(ReportErrors, NoInputNamesTheOptions) {
  EXPECT_EQ(
      error_of({}),
      "[report] got no input, expected at least one of --plan, --bench, --device-profile, --edge-profile, --scores, --privacy, --network, --explain, --pruning, --training");
}

TEST(ReportErrors, InputsOfTwoModelsAreNamed) {
  auto inputs = with_both();
  inputs.benches[0].model_sha256 = kOtherSha;
  EXPECT_EQ(
      error_of(inputs),
      "[report] a bench is of model bbbbbbbbbbbb..., the plan of aaaaaaaaaaaa...; one page shows one model, so give files that were made from the same one");
  inputs = with_plan();
  inputs.scores = sample_scores("top1");
  inputs.scores->model_sha256 = kOtherSha;
  EXPECT_TRUE(holds(error_of(inputs), "the scores file is of model bbbbbbbbbbbb..., the plan of aaaaaaaaaaaa...;")) << error_of(inputs);
}

TEST(ReportPage, EveryPlaceWithoutInputSaysWhatFillsIt) {
  Inputs inputs;
  inputs.network = Network{.links = {{.rtt_us = 1000, .up_bps = 1e6, .down_bps = 1e6}}, .command = ""};
  const auto page = render_html(inputs);
  for (const auto* id : {"candidates", "cuts", "pareto", "bandwidth"})
    EXPECT_TRUE(holds(page, "<section id=\"" + std::string(id) + "\" class=\"empty\">")) << id;
}

TEST(ReportPage, TextFromFilesIsNeverMarkup) {
  auto inputs = with_both();
  inputs.plan->model_name = "</script><script>alert(1)</script>";
  inputs.benches[0].rows[1].error = "<img src=x onerror=alert(1)>\" onload=\"alert(2)";
  const auto page = render_html(inputs);
  EXPECT_FALSE(holds(page, "<script>alert"));
  EXPECT_FALSE(holds(page, "<img"));
  EXPECT_TRUE(holds(page, "&lt;img src=x onerror=alert(1)&gt;"));
}

TEST(ReportTable, OtherConditionsGetATableOfTheirOwn) {
  auto inputs = with_both();
  inputs.benches[0].link_up_bps = 50e6;
  const View view = make_view(inputs);
  ASSERT_EQ(view.tables.size(), 2u);
  EXPECT_FALSE(view.tables[0].has_measured);
  EXPECT_TRUE(view.is_prediction) << "a measurement over another link is no headline for this one";
  EXPECT_EQ(view.tables[1].conditions, "50 Mbit/s, 27.4 ms round trip");
}

TEST(ReportTable, SpeedupsComparePredictedWithPredicted) {
  const View view = make_view(with_both());
  EXPECT_EQ(row_of(view, "split/12/uint8").speedup, 3.0);
  EXPECT_NEAR(row_of(view, "edge/jpeg-q90-420").speedup, 150.0 / 70, 1e-12);
}

TEST(ReportBreakEven, IsWhereTheLinesCross) {
  // A request carries 200 bytes besides its payload (planner/cost.h): 9,600 B = 76,800 bit, 15.36 ms at 5 Mbit/s.
  std::vector<PlannedCandidate> candidates{planned("local", 150'000, 0, 1), planned("split/12/uint8", 30'000 + 15'360, 9'400, 1)};
  auto plan = sample_plan();
  plan.chosen = candidates[1];
  plan.families = plan.top = candidates;
  const auto view = make_bandwidth_view(candidates, plan);
  ASSERT_EQ(view.crossings.size(), 1u);
  EXPECT_EQ(view.crossings[0].below, "local");
  EXPECT_EQ(view.crossings[0].above, "split/12/uint8");
  EXPECT_NEAR(view.crossings[0].bandwidth_bps, 76'800 / 0.120, 1e-6 * 640'000) << "150 - 30 ms for 76,800 bit";
  EXPECT_NEAR(view.crossings[0].latency_us, 150'000, 1e-3);
}

TEST(ReportNumbers, HaveThreeFiguresAndAUnit) {
  EXPECT_EQ(ms(1234), "1.23 ms");
  EXPECT_EQ(ms(99'960), "100 ms");
  EXPECT_EQ(ms(12.3e6), "12.3 s");
  EXPECT_EQ(ms(0), "\u2013");
  EXPECT_EQ(bandwidth(58.8e6), "58.8 Mbit/s");
  EXPECT_EQ(bandwidth(5e6), "5 Mbit/s");
  EXPECT_EQ(bytes_text(-1), "\u2013");
  EXPECT_EQ(percent(0.9254), "92.5 %");
}

TEST(ReportScale, ALogAxisOfLessThanADecadeStillHasTicks) {
  EXPECT_GE(Scale::logarithmic(30, 160, 0, 1).ticks(7).size(), 5u);
  EXPECT_LE(Scale::logarithmic(1, 1e6, 0, 1).ticks(7).size(), 11u);
}

Inputs with_privacy() {
  auto inputs = with_plan();
  Privacy privacy;
  privacy.model_sha256 = kSha;
  privacy.images = 320;
  privacy.width = privacy.height = 16;
  privacy.originals = {"iVBORw0KGgo="};
  privacy.baselines = {{.candidate = "mean picture", .quality = {12, {11, 13}, 0.2, {0.1, 0.3}, 80}, .pictures = privacy.originals}};
  privacy.candidates = {{.candidate = "split/30/uint8", .quality = {17, {16, 18}, 0.4, {0.3, 0.5}, 80}},
                        {.candidate = "split/12/uint8", .quality = {21.5, {21, 22}, 0.6, {0.5, 0.7}, 80}, .pictures = privacy.originals}};
  inputs.privacy = privacy;
  return inputs;
}

TEST(ReportPrivacy, BaselinesThenByFallingPsnr) {
  const auto view = make_view(with_privacy());
  std::string order;
  for (const auto& row : view.rebuilt.rows) order += row.label + (row.is_chosen ? "*" : "") + "; ";
  EXPECT_EQ(order, "Nothing: the mean picture of all; Split at 12, uint8*; Split at 30, uint8; ");
  const auto page = render_html(with_privacy());
  EXPECT_TRUE(holds(
      page,
      "<img src=\"data:image/png;base64,iVBORw0KGgo=\" alt=\"Held-out picture 1, rebuilt from: Split at 12, uint8\" width=\"16\" height=\"16\">"));
  EXPECT_TRUE(holds(page, "21.50 dB<small>21.00\u201322.00</small>"));
  EXPECT_TRUE(holds(page, "trained on 320 images"));
  EXPECT_TRUE(holds(render_text(with_privacy()), "* Split at 12, uint8"));
}

TEST(ReportPrivacy, WithoutAFileThePageSaysWhatWouldFillIt) {
  EXPECT_TRUE(holds(render_html(with_plan()), "Give <code>--privacy privacy.json</code>"));
}

TEST(ReportPrivacy, OfAnotherModelIsRefused) {
  auto inputs = with_privacy();
  inputs.privacy->model_sha256 = kOtherSha;
  EXPECT_TRUE(holds(error_of(inputs), "the privacy file is of model bbbbbbbbbbbb"));
}

Json pruning_json() {
  const auto both = [](double before, double after) { return Json{{"before", before}, {"after", after}}; };
  return {{"schema", "scissionlite.pruning/1"},
          {"parameters", both(1000, 400)},
          {"macs", both(5e6, 3e6)},
          {"latency_us", both(500, 300)},
          {"largest_error", 1e-7},
          {"is_within_budget", true},
          {"refused", Json::array({"<u>why"})},
          {"layers", Json::array({{{"name", "<i>first"}, {"channels", 4}, {"kept", 1}, {"magnitudes", {0, 0, 0.1, 0.9}}}})},
          {"blocks", Json::array({{{"name", "block"}, {"gate", 0}}, {{"name", "other"}, {"gate", 0.5}}})},
          {"score", {{"before", 0.9}, {"after", 0.91}}},
          {"search", Json::object()},
          {"tuning", {{"command", "scissionlite-train prune x"}}}};
}

TEST(ReportPruning, AloneMakesAPageAndNothingOfItIsMarkup) {
  Inputs inputs;
  inputs.pruned = pruned_from_json(pruning_json(), "pruning.json");
  const auto page = render_html(inputs);
  EXPECT_TRUE(holds(page, "60.0 % of the parameters and 40.0 % of the multiply-accumulates went, 1 of 2 blocks"));
  EXPECT_TRUE(holds(page, "1 of 4 channels are left (25.0 %)"));
  EXPECT_TRUE(holds(page, "removed"));
  EXPECT_FALSE(holds(page, "<i>first"));
  EXPECT_FALSE(holds(page, "<u>why"));
  EXPECT_FALSE(holds(render_html(with_plan()), "What pruning took out"));
  EXPECT_EQ(report_data(inputs)["pruning"]["layers"][0]["kept"], 1);
}

TEST(ReportPruning, ShowsTheLatencyPredictedOnAnotherMachine) {
  auto json = pruning_json();
  json["budget"] = {{"latency_us", 2000}};
  json["predicted_latency_us"] = {{"machine", "<b>phone"}, {"before", 4000}, {"after", 1900}};
  Inputs inputs;
  inputs.pruned = pruned_from_json(json, "pruning.json");
  const auto page = render_html(inputs);
  EXPECT_TRUE(holds(page, "latency predicted on &lt;b&gt;phone"));
  EXPECT_TRUE(holds(page, "0.475"));
  EXPECT_FALSE(holds(page, "<b>phone"));
}

TEST(ReportPruning, SaysWhatIsWrongInTheFile) {
  auto json = pruning_json();
  json["layers"][0]["kept"] = 5;
  try {
    (void)pruned_from_json(json, "pruning.json");
    FAIL() << "took more channels than there were";
  } catch (const InvalidArgument& e) { EXPECT_TRUE(holds(e.what(), "pruning.json.layers[0].kept")) << e.what(); }
}

Json rare_training_json() {
  const auto measure = [](int stage, int step, double auc) {
    return Json{{"stage", stage},
                {"step", step},
                {"rounds", step / 4},
                {"rate", 0.1},
                {"loss", 1},
                {"seconds", 1},
                {"auc", {{"value", auc}, {"interval", {auc - 0.05, auc + 0.05}}, {"positives", 20}, {"negatives", 60}}}};
  };
  return {{"schema", "scissionlite.rare_training/1"},
          {"model", "a.onnx"},
          {"command", "scissionlite-train train <x>"},
          {"images", 240},
          {"held_out", 80},
          {"positive_rate", 0.5},
          {"notes", Json::array({"member 1 has <b>none"})},
          {"members", Json::array({{{"images", 120}, {"positives", 3}}, {{"images", 120}, {"positives", 0}}})},
          {"measures", Json::array({measure(0, 0, 0.5), measure(1, 40, 0.9)})},
          {"operation", {{"threshold", 0.4}, {"recall", 0.75}, {"false_alarms", 0.1}, {"precision", 0.6}}},
          {"curve", Json::array({{0.9, 0.5, 0, 1}, {0.4, 0.75, 0.1, 0.6}, {0.1, 1, 1, 0.25}})},
          {"exchanged", {{"rounds", 12}, {"bytes_sent", 5000}, {"bytes_received", 5000}, {"seconds", 1}}}};
}

TEST(ReportRareTraining, AloneMakesAPageWithCurves) {
  Inputs inputs;
  inputs.rare_training = rare_training_from_json(rare_training_json(), "auc.json");
  const auto page = render_html(inputs);
  for (const char* part : {"chart-roc", "chart-precision", "chart-auc", "table-members", "AUC 0.9000",
                           "finds 75.0 % of the positives with 10.0 % false alarms", "2 members averaged 10 times"})
    EXPECT_TRUE(holds(page, part)) << part;
  EXPECT_FALSE(holds(page, "<b>none"));
  EXPECT_FALSE(holds(page, "train <x>"));
  EXPECT_EQ(report_data(inputs)["rare_training"]["operation"]["recall"], 0.75);
  EXPECT_FALSE(holds(render_html(with_plan()), "How well it finds what is rare"));
}

TEST(ReportRareTraining, SaysWhatIsWrongInTheFile) {
  const auto refusal = [](const std::function<void(Json&)>& change) {
    auto json = rare_training_json();
    change(json);
    try {
      (void)rare_training_from_json(json, "auc.json");
    } catch (const InvalidArgument& e) { return std::string(e.what()); }
    return std::string("accepted");
  };
  EXPECT_TRUE(holds(refusal([](Json& json) { json["operation"]["recall"] = 2; }), "auc.json.operation.recall"));
  EXPECT_TRUE(holds(refusal([](Json& json) { json["curve"][1] = {0.5}; }), "auc.json.curve[1]"));
  EXPECT_TRUE(holds(refusal([](Json& json) { json["measures"] = Json::array(); }), "measures"));
  EXPECT_TRUE(holds(refusal([](Json& json) { json.erase("members"); }), "members"));
}

Json explanation_json() {
  return {{"schema", "scissionlite.explanation/1"},
          {"engine", "native"},
          {"run_us", 1000},
          {"peak_gflops", 50},
          {"steps",
           Json::array({{{"node", "first"},
                         {"implementation", "direct vectors=3"},
                         {"shape", {1, 8, 4, 4}},
                         {"macs", 1000000},
                         {"bytes", 1024},
                         {"median_us", 200},
                         {"gflops", 10},
                         {"share_of_peak", 0.2}},
                        {{"node", "<i>second</i>"},
                         {"implementation", "direct vectors=2"},
                         {"shape", {1, 8, 4, 4}},
                         {"macs", 0},
                         {"bytes", 1024},
                         {"median_us", 300},
                         {"instead", "<b>winograd"},
                         {"instead_us", 12}},
                        {{"node", "third"}, {"implementation", "pool"}, {"shape", {1, 8, 1, 1}}, {"macs", 0}, {"bytes", 1024}, {"median_us", 0}}})}};
}

TEST(ReportExplain, StepsByTimeAndFamiliesByTheirFirstWord) {
  const auto view = make_explain_view(explained_from_json(explanation_json(), "explain.json"));
  EXPECT_EQ(view.by_time, (std::vector<size_t>{1, 0, 2}));
  ASSERT_EQ(view.families.size(), 2u);
  EXPECT_EQ(view.families[0].name, "direct");
  EXPECT_EQ(view.families[0].us, 500);
  EXPECT_EQ(view.families[1].steps, 1);
}

TEST(ReportExplain, AloneMakesAPageAndNothingOfItIsMarkup) {
  Inputs inputs;
  inputs.explained = explained_from_json(explanation_json(), "explain.json");
  const auto page = render_html(inputs);
  EXPECT_TRUE(holds(page, "2.0 GFLOP/s, 4.0 % of the 50.0 measured at most"));
  EXPECT_TRUE(holds(page, "+12.0 \u00b5s"));
  EXPECT_FALSE(holds(page, "<i>second"));
  EXPECT_FALSE(holds(page, "<b>winograd"));
  EXPECT_TRUE(holds(render_html(with_plan()), "Give <code>--explain explain.json</code>"));
}

TEST(ReportExplain, ABadFileIsRefusedWithItsField) {
  const auto error_with = [](const std::function<void(Json&)>& edit) -> std::string {
    Json json = explanation_json();
    edit(json);
    try {
      (void)explained_from_json(json, "explain.json");
    } catch (const InvalidArgument& e) { return e.what(); }
    return "";
  };
  EXPECT_TRUE(holds(error_with([](Json& j) { j["steps"][1].erase("median_us"); }), "explain.json.steps[1]"))
      << error_with([](Json& j) { j["steps"][1].erase("median_us"); });
  EXPECT_TRUE(holds(error_with([](Json& j) { j["steps"][2]["median_us"] = -1; }), "explain.json.steps[2].median_us"));
  EXPECT_TRUE(holds(error_with([](Json& j) { j["schema"] = "scissionlite.plan/1"; }), "scissionlite.explanation"));
  EXPECT_TRUE(holds(error_with([](Json& j) { j["stepss"] = 1; }), "stepss"));
}

TEST(ReportPrivacy, WhatIsNoPictureIsNotShown) {
  auto inputs = with_privacy();
  inputs.privacy->originals[0] = "x\" onerror=\"alert(1)";
  EXPECT_FALSE(holds(render_html(inputs), "alert(1)"));
}

}  // namespace
}  // namespace scissionlite::report
