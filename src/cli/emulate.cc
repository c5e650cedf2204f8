#include <csignal>
#include <iostream>

#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "net/link.h"

namespace scissionlite::cli {
namespace {

struct Options {
  std::string target, link;
  int port = 0;
};

int emulate(const Options& options, const Common& common) {
  // signals are taken by sigwait below; threads started from here on inherit the mask
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  const auto link = net::parse_link(options.link);
  const net::LinkEmulator emulator(options.target, link, options.port);
  if (common.json)
    std::cout << Json{{"event", "ready"},
                      {"address", emulator.address()},
                      {"port", emulator.port()},
                      {"target", options.target},
                      {"link", net::to_string(link)}}
                     .dump()
              << std::endl;
  else std::cout << "ready " << emulator.address() << " -> " << options.target << " over " << net::to_string(link) << std::endl;
  int signal = 0;
  sigwait(&stop, &signal);
  const auto up = static_cast<double>(emulator.bytes_up()), down = static_cast<double>(emulator.bytes_down());
  std::cerr << "relayed " << format_bytes(up) << " up and " << format_bytes(down) << " down\n";
  return 0;
}

}  // namespace

Run declare_emulate(CLI::App& app, Common& common) {
  auto options = std::make_shared<Options>();
  app.add_option("target", options->target, "address behind the link, HOST:PORT")->required();
  app.add_option("--link", options->link, "rate and round trip, as 58.8M,27.4ms or up=5M,down=20M,rtt=27.4ms,jitter=2ms")->required();
  app.add_option("--port", options->port, "port to listen on at 127.0.0.1; 0 = any free one")->check(CLI::Range(0, 65535))->capture_default_str();
  return [options, &common] { return emulate(*options, common); };
}

}  // namespace scissionlite::cli
