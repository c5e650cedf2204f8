#include "report/report.h"

#include <iostream>
#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"

namespace scissionlite::cli {
namespace {

struct Options {
  std::string plan, device, edge, scores, privacy, network, explain, pruning, training, output;
  std::vector<std::string> benches;
  bool table = false;
};

/// Reads the file when its option was given.
template <typename Value, typename Load>
void read_into(std::optional<Value>& value, const std::string& path, Load&& load) {
  if (!path.empty()) value = load(path);
}

report::Inputs read_inputs(const Options& options, const Common& common) {
  report::Inputs inputs;
  read_into(inputs.plan, options.plan, [](const std::string& path) { return load_plan(path); });
  for (const auto& path : options.benches) inputs.benches.push_back(load_bench(path));
  read_into(inputs.device, options.device, [](const std::string& path) { return load_profile(path); });
  read_into(inputs.edge, options.edge, [](const std::string& path) { return load_profile(path); });
  read_into(inputs.scores, options.scores, [](const std::string& path) { return load_scores(path); });
  read_into(inputs.privacy, options.privacy, [](const std::string& path) { return load_privacy(path); });
  read_into(inputs.network, options.network, [](const std::string& path) { return load_network(path); });
  read_into(inputs.explained, options.explain, [](const std::string& path) { return report::load_explained(path); });
  read_into(inputs.pruned, options.pruning, [](const std::string& path) { return report::load_pruned(path); });
  read_into(inputs.rare_training, options.training, [](const std::string& path) { return report::load_rare_training(path); });
  inputs.command = common.command_line;
  report::check_inputs(inputs);
  return inputs;
}

int run_report(const Options& options, const Common& common) {
  if (options.output.empty() && !options.table && !common.json)
    throw InvalidArgument("[report] nothing to write: give -o report.html for the page, --table for a table or --json for data on stdout");
  if (options.table && common.json) throw InvalidArgument("[report] --table and --json both print on stdout; expected one of them");
  if (!options.output.empty()) check_writable(options.output);
  const auto inputs = read_inputs(options, common);
  if (!options.output.empty()) {
    const auto page = report::render_html(inputs);
    write_file(options.output, page);
    if (!common.json && !common.quiet) std::cerr << "wrote " << options.output << " (" << format_bytes(static_cast<double>(page.size())) << ")\n";
  }
  if (options.table) std::cout << report::render_text(inputs);
  if (common.json) std::cout << report::report_data(inputs).dump(2) << "\n";
  return 0;
}

}  // namespace

Run declare_report(CLI::App& app, Common& common) {
  auto options = std::make_shared<Options>();
  app.add_option("--plan", options->plan, "plan.json, from `scissionlite plan`")->type_name("FILE");
  app.add_option("--bench", options->benches, "bench.json, from `scissionlite bench`; several for several links")->type_name("FILE");
  app.add_option("--device-profile", options->device, "the device's profile.json; with the edge's it gives latency by cut")->type_name("FILE");
  app.add_option("--edge-profile", options->edge, "the edge's profile.json")->type_name("FILE");
  app.add_option("--scores", options->scores, "scores.json, from `scissionlite score`")->type_name("FILE");
  app.add_option("--privacy", options->privacy, "privacy.json, from `scissionlite-train privacy`")->type_name("FILE");
  app.add_option("--network", options->network, "network.json, from `scissionlite probe`")->type_name("FILE");
  app.add_option("--explain", options->explain, "explain.json, from `scissionlite explain --json`, of the model or a half of it")->type_name("FILE");
  app.add_option("--training", options->training, "JSON from `scissionlite-train train --objective ... --report`")->type_name("FILE");
  app.add_option("--pruning", options->pruning, "pruning.json, from `scissionlite-train prune --report`")->type_name("FILE");
  app.add_option("-o,--output", options->output, "the page to write (HTML, one file, readable offline)")->type_name("FILE");
  app.add_flag("--table", options->table, "print the headline and the candidates as text");
  return [options, &common] { return run_report(*options, common); };
}

}  // namespace scissionlite::cli
