#include "profile/network.h"

namespace scissionlite {
namespace {

constexpr int kVersion = 1;

double rate(const JsonReader& json) {
  const double value = json.number();
  if (value <= 0) json.fail("a rate above 0 bit/s");
  return value;
}

Link link_from(const JsonReader& json) {
  json.allow_only({"from", "to", "rtt_us", "up_bps", "down_bps", "per_call_us", "n"});
  Link link;
  link.from = json.text_or("from", link.from);
  link.to = json.text_or("to", link.to);
  link.rtt_us = json.at("rtt_us").number_at_least(0);
  link.up_bps = rate(json.at("up_bps"));
  link.down_bps = json.has("down_bps") ? rate(json.at("down_bps")) : link.up_bps;
  link.per_call_us = json.has("per_call_us") ? json.at("per_call_us").number_at_least(0) : 0;
  link.n = json.integer_or("n", 0);
  if (link.n < 0) json.at("n").fail("a count of at least 0");
  return link;
}

}  // namespace

Json to_json(const Network& network) {
  Json json{{"schema", "scissionlite.network/" + std::to_string(kVersion)}, {"links", Json::array()}};
  for (const auto& link : network.links)
    json["links"].push_back({{"from", link.from},
                             {"to", link.to},
                             {"rtt_us", link.rtt_us},
                             {"up_bps", link.up_bps},
                             {"down_bps", link.down_bps},
                             {"per_call_us", link.per_call_us},
                             {"n", link.n}});
  json["command"] = network.command;
  return json;
}

Network network_from_json(const Json& json, const std::string& where) {
  check_schema(json, "network", kVersion, where);
  const JsonReader reader(json, where);
  reader.allow_only({"schema", "links", "command"});
  Network network;
  for (const auto& element : reader.at("links").elements()) {
    network.links.push_back(link_from(element));
    const auto& links = network.links;
    if (links.size() > 1 && links[links.size() - 2].to != links.back().from)
      element.fail("a link from '" + links[links.size() - 2].to + "', where the link before it ends; links form a chain");
  }
  if (network.links.empty()) reader.at("links").fail("at least one link");
  network.command = reader.text_or("command", "");
  return network;
}

Network load_network(const fs::path& path) { return network_from_json(read_json(path, "network", kVersion), path.string()); }

}  // namespace scissionlite
