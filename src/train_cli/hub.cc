// scissionlite-train hub: where sites that train together meet.
#include <atomic>
#include <csignal>
#include <iostream>
#include <thread>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "collective/hub.h"
#include "program/tls_options.h"
#include "train_cli/command.h"

namespace scissionlite::cli {
namespace {

std::atomic<bool> is_interrupted = false;

/// A signal ends the wait: members are told, rather than left to wait.
bool wait_for(Hub& hub) {
  std::signal(SIGINT, [](int) { is_interrupted = true; });
  std::signal(SIGTERM, [](int) { is_interrupted = true; });
  std::jthread watch([&](const std::stop_token& stop) {
    while (!stop.stop_requested() && !is_interrupted) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    if (is_interrupted) hub.stop();
  });
  return hub.wait();
}

int serve_hub(const HubOptions& options, const Common& common) {
  Hub hub(options);
  log::info("[hub] listening on port " + std::to_string(hub.port()) + " for " + std::to_string(options.members) + " members" +
            (options.tls.are_given() ? ", by mutual TLS" : ", in plain text"));
  const bool has_ended = wait_for(hub);
  Json sites = Json::array();
  std::vector<std::vector<std::string>> rows{{"rank", "site", "rounds", "received", "sent", "taken back", "ended"}};
  for (const auto& site : hub.sites()) {
    sites.push_back({{"rank", sites.size()},
                     {"site", site.name},
                     {"rounds", site.rounds},
                     {"bytes_received", site.bytes_received},
                     {"bytes_sent", site.bytes_sent},
                     {"returns", site.returns},
                     {"has_ended", site.has_ended}});
    rows.push_back({std::to_string(rows.size() - 1), site.name, std::to_string(site.rounds), format_bytes(static_cast<double>(site.bytes_received)),
                    format_bytes(static_cast<double>(site.bytes_sent)), std::to_string(site.returns), site.has_ended ? "yes" : "no"});
  }
  if (common.json)
    std::cout << Json{{"schema", "scissionlite.hub/1"}, {"rounds", hub.rounds()}, {"has_ended", has_ended}, {"sites", sites}}.dump(2) << "\n";
  else std::cout << format_table(rows) << "\n" << hub.rounds() << " rounds\n";
  if (!has_ended) log::error("[hub] no member came to the end of the run; begin it again, and members go on from their checkpoints");
  return has_ended ? 0 : 1;
}

}  // namespace

Run declare_hub(CLI::App& app, Common& common) {
  auto options = std::make_shared<HubOptions>();
  app.add_option("--members", options->members, "sites of the run; it begins when all have come")->required()->check(CLI::Range(1, 1024));
  app.add_option("--listen", options->address, "host:port to listen on")->capture_default_str();
  app.add_option("--wait-seconds", options->wait_s, "for a member in each round; then the others go on without it, and it may come back")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--largest-bytes", options->largest_bytes, "of a member's values in a round")
      ->check(CLI::Range(int64_t{1}, int64_t{2147480000}))
      ->capture_default_str();
  app.add_flag("--plain-text", options->allows_plain_text, "without TLS on an address that others reach, where the network is trusted");
  declare_tls(app, options->tls);
  return [options, &common] { return serve_hub(*options, common); };
}

}  // namespace scissionlite::cli
