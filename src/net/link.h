// Net: the link between two machines, emulated in user space without root.
//
// What lives here: LinkEmulator, a TCP relay with rate, delay, jitter, stalls and black hole. Relies on base.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace scissionlite::net {

/// One direction at a time; both share `rtt_us` (half each way).
struct LinkOptions {
  double up_bps = 0;                            // client -> server; 0 = unlimited
  double down_bps = 0;                          // server -> client; 0 = unlimited
  double rtt_us = 0;                            // added round-trip time
  double jitter_us = 0;                         // uniform, added per chunk, never reorders
  double stall_every_us = 0, stall_for_us = 0;  // the link freezes periodically
  // Nothing arrives any more, connections stay open. What is on its way is held and arrives once the hole is lifted, as
  // TCP would resend it.
  bool black_hole = false;
  uint64_t seed = 1;

  bool operator==(const LinkOptions&) const = default;
};
/// "58.8M,27.4ms" or "up=5M,down=20M,rtt=27.4ms,jitter=2ms,stall=1s/50ms"; the rate may be "unlimited".
/// @throws InvalidArgument with the grammar.
[[nodiscard]] LinkOptions parse_link(const std::string& text);
[[nodiscard]] std::string to_string(const LinkOptions& options);

/// Relays TCP connections from 127.0.0.1:port() to `target`. A byte leaves the emulator no earlier than a real link of
/// that rate and delay would deliver it: departure = max(arrival, link free) + bytes * 8 / rate, plus delay. The link is
/// shared by all connections. Timer error stays under 100 us.
class LinkEmulator {
 public:
  /// @param listen_port  0 = any free. @throws ResourceError when the port is taken.
  LinkEmulator(std::string target, LinkOptions options, int listen_port = 0);
  ~LinkEmulator();
  LinkEmulator(const LinkEmulator&) = delete;
  LinkEmulator& operator=(const LinkEmulator&) = delete;
  [[nodiscard]] int port() const;
  [[nodiscard]] std::string address() const;     // "127.0.0.1:port"
  void set_options(const LinkOptions& options);  // takes effect for bytes not yet sent
  /// Of the connections that are open now nothing arrives any more, for ever, and neither end is told: as behind a NAT that forgot them. New ones are
  /// carried.
  void forget_connections();
  [[nodiscard]] int64_t bytes_up() const;  // payload relayed so far
  [[nodiscard]] int64_t bytes_down() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace scissionlite::net
