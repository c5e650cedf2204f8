// scissionlite probe: what the link to a running edge carries.
#include <iostream>

#include "base/address.h"
#include "base/text.h"
#include "cli/command.h"
#include "profile/probe.h"
#include "program/tls_options.h"

namespace scissionlite::cli {
namespace {

std::string mbit(double bps) { return format_fixed(bps / 1e6, bps < 10e6 ? 2 : 1); }

void print(const ProbeResult& r) {
  std::cout << format_table(
      {{"", "measured", "95 % from", "to", "unit"},
       {"round trip", format_fixed(r.link.rtt_us / 1e3, 3), format_fixed(r.rtt_ci.low / 1e3, 3), format_fixed(r.rtt_ci.high / 1e3, 3), "ms"},
       {"rate up", mbit(r.link.up_bps), mbit(r.up_ci.low), mbit(r.up_ci.high), "Mbit/s"},
       {r.down_measured ? "rate down" : "rate down (assumed)", mbit(r.link.down_bps), mbit(r.down_ci.low), mbit(r.down_ci.high), "Mbit/s"},
       {"fixed cost of a request", format_fixed(r.link.per_call_us / 1e3, 3), "", "", "ms"}});
  if (!r.note.empty()) std::cout << "note: " << r.note << "\n";
}

Json to_json_with_intervals(const ProbeResult& r, const Network& network) {
  Json json = to_json(network);
  const auto interval = [](const Interval& i) { return Json{i.low, i.high}; };
  json["rtt_interval_us"] = interval(r.rtt_ci);
  json["up_interval_bps"] = interval(r.up_ci);
  json["down_interval_bps"] = interval(r.down_ci);
  json["down_measured"] = r.down_measured;
  if (!r.note.empty()) json["note"] = r.note;
  return json;
}

}  // namespace

Run declare_probe(CLI::App& app, Common& common) {
  struct Options : ProbeOptions {
    std::string output;
    double time_limit_s = 20;
  };
  auto o = std::make_shared<Options>();
  app.add_option("edge", o->address, "address of the edge, HOST:PORT")->required();
  app.add_option("-o,--output", o->output, "write network.json here");
  app.add_option("--from", o->from, "name of this machine")->capture_default_str();
  app.add_option("--to", o->to, "name of the edge")->capture_default_str();
  app.add_option("--model", o->model, "a served model with large answers: measures the way back too");
  app.add_option("--time-limit-s", o->time_limit_s, "about how long to measure")->check(CLI::Range(0.1, 3600.0))->capture_default_str();
  declare_security(app, o->security);
  return [o, &common] {
    if (!o->output.empty()) check_writable(o->output);
    o->time_limit_us = o->time_limit_s * 1e6;
    (void)parse_address(o->address, "the edge's address");
    auto target = make_probe_target(o->address, o->security);
    const auto result = probe(*target, *o);
    const Network network{.links = {result.link}, .command = common.command_line};
    if (!o->output.empty()) write_json(o->output, to_json(network));
    if (common.json) std::cout << to_json_with_intervals(result, network).dump(2) << "\n";
    else print(result);
    return 0;
  };
}

}  // namespace scissionlite::cli
