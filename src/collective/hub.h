// Where sites meet that cannot reach each other: they dial out to it, so that no site has a port open to others. It adds what they send, and keeps
// nothing.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "protocol/tls.h"

namespace scissionlite {

struct HubOptions {
  std::string address = "127.0.0.1:8011";  // host:port; port 0: any free one
  protocol::TlsFiles tls;
  bool allows_plain_text = false;  // on other addresses than this machine's
  int members = 2;
  double wait_s = 600;                       // for a member in each round; without one that has not come by then the others go on
  int64_t largest_bytes = int64_t{1} << 30;  // of a round's values of a member
};

struct HubSite {
  std::string name;
  bool is_present = false, has_ended = false;
  int64_t rounds = 0, bytes_received = 0, bytes_sent = 0, returns = 0;  // returns: times that it was taken back
};

class Hub {
 public:
  /// Listens. @throws InvalidArgument: plain text on an address that others reach, files of TLS; ResourceError: the address is taken.
  explicit Hub(const HubOptions& options);
  ~Hub();
  [[nodiscard]] int port() const;
  /// Until all members have ended, or left with errors (false), or `stop` was called (false). Where one has ended, others that are not heard of for
  /// `wait_s` are not waited for; where all were lost without a word, it waits for them to come again.
  [[nodiscard]] bool wait();
  void stop();
  /// By rank; before all have come, those that have.
  [[nodiscard]] std::vector<HubSite> sites() const;
  [[nodiscard]] int64_t rounds() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace scissionlite
