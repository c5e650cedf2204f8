// The one place that is asked whether a caller may do something; every front end asks it with an identity, which is the name in the
// caller's certificate, or on plain text its address. It knows nothing of gRPC or HTTP.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "server/access/access_policy.h"
#include "server/access/quotas.h"

namespace scissionlite::server {

/// Safe to use from several threads. Without a file everybody may do everything.
class Access {
 public:
  /// @throws what read_access_policy throws.
  explicit Access(fs::path file = {}, Clock& clock = Clock::steady());

  /// Before anything else is done with a request: its bytes are not even parsed. Hold the ticket until the answer is given.
  /// @throws Refusal kResourceExhausted with a hint when to retry; kPermissionDenied: no rule is of this identity.
  [[nodiscard]] Ticket admit(const std::string& identity);
  [[nodiscard]] bool may_use(const std::string& identity, const std::string& model) const;
  /// @throws Refusal kPermissionDenied, whether there is such a model or not.
  void check(const std::string& identity, const std::string& model) const;
  /// Load and unload. @throws Refusal kPermissionDenied.
  void check_control(const std::string& identity, const std::string& model) const;

  /// The live page, which shows all callers: for those who may control a model. @throws Refusal kPermissionDenied.
  void check_watch(const std::string& identity) const;

  /// Reads the file again if it has changed, or always when `is_asked_for`. A bad one is logged once and the old one kept.
  /// @return whether it was replaced.
  bool reload(bool is_asked_for);
  [[nodiscard]] std::map<std::string, Usage> usage() const { return quotas_.usage(); }

 private:
  [[nodiscard]] std::shared_ptr<const AccessPolicy> policy() const;

  const fs::path file_;
  Quotas quotas_;
  mutable std::mutex mutex_;                    // guards what follows
  std::shared_ptr<const AccessPolicy> policy_;  // nullptr without a file
  std::string text_, seen_, rejected_;          // of the file: in use, at the last look, refused and logged
};

}  // namespace scissionlite::server
