// A device whose package comes from the edge: the newest at the start, and newer ones while it runs.
//
// A version is fetched into the store, tried (delivered_trial.h), and only then used. Trying it, of its plan and each further one: its files and
// hashes, its head on the stored picture, its local tail on the stored tensors, one picture from start to end, the edge's answer to the stored
// tensors. What fails is remembered by its hash and what it was tried with, and not tried so again; the version in use goes on. An edge that cannot
// be reached is no failure, nor is a lack of memory, descriptors or disk: it is tried at the next look. What the edge itself refuses is tried again
// after ten minutes. At the start the store's version is used where the edge cannot be reached, or where what it offers fails.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "delivery/pull.h"
#include "device/version_switch.h"

namespace scissionlite::device {

struct DeliveryOptions {
  std::string name;                               // of the package on the edge; "": the only one
  std::string version;                            // first digits of the one that is wanted, whatever else is offered; "": the one that is offered
  double update_every_us = 300e6;                 // 0: never while it runs
  std::atomic<bool>* is_asked_to_look = nullptr;  // set by others, as a signal's handler: it looks within a second, and clears it
  std::atomic<bool>* is_trying =
      nullptr;  // set while the first version is tried: who ends the process then should wait, or it counts as a crash of that version
  double refused_every_us = 5e6;                  // the same while the edge refuses the version in use, which it has then replaced
  std::function<void(double within_us)> goes_on;  // called at the start as it goes on, with how long the next call may take
  bool shows_progress = true;                     // of what is fetched at the start
  double share = 0.5;                             // of the link's time that is used while images are answered
  OffloaderOptions offloader;
  SwitchOptions switching;  // between the plans of a package that holds further ones
};

/// "net/3fa9c0de" -> {"net", "3fa9c0de"}. @throws InvalidArgument: a version that is not 6 to 64 hex digits.
[[nodiscard]] std::pair<std::string, std::string> parse_package_name(const std::string& text);

struct DeliveryCounters {
  int64_t looks = 0, updates = 0, rejected = 0, failures = 0;  // failures: looks and pulls that did not come to an end
  int64_t pulled_bytes = 0;
  bool is_from_store = false;  // the edge could not be asked at the start
};

class Delivered {
 public:
  /// Fetches, tries and compiles. @throws TransportError: the edge cannot be reached and the store holds nothing; NotOffered: it offers no such
  /// package, or the package failed, now or before, and the store holds none; Unusable, of which NotOffered is one: what else the edge may change;
  /// InvalidArgument: the options.
  Delivered(std::unique_ptr<delivery::Source> source, std::unique_ptr<delivery::Store> store, DeliveryOptions options);
  ~Delivered();
  Delivered(const Delivered&) = delete;
  Delivered& operator=(const Delivered&) = delete;

  [[nodiscard]] VersionSwitch& versions() { return *versions_; }
  [[nodiscard]] const VersionSwitch& versions() const { return *versions_; }
  [[nodiscard]] DeliveryCounters counters() const;
  /// Looks once for a newer version, as the thread does. @param is_asked_for  what the edge refused is tried before its time. @return whether it was
  /// switched to.
  bool look(bool is_asked_for = false);

 private:
  [[nodiscard]] delivery::Offer chosen_offer();
  [[nodiscard]] std::shared_ptr<Version> start_with_offer();
  [[nodiscard]] std::shared_ptr<Version> start_from_store(const std::string& why);
  [[nodiscard]] std::vector<std::unique_ptr<Offloader>> offloaders(const std::string& version) const;
  [[nodiscard]] std::shared_ptr<Version> make_version(const std::string& version, std::vector<std::unique_ptr<Offloader>> plans) const;
  [[nodiscard]] std::shared_ptr<Version> open(const std::string& version) const { return make_version(version, offloaders(version)); }
  [[nodiscard]] std::shared_ptr<Version> tried(const delivery::Offer& offer);
  /// nullptr: it may be tried.
  [[nodiscard]] const delivery::Rejection* rejection(const std::string& version) const;
  [[noreturn]] void reject(const delivery::Offer& offer, const std::string& reason);
  void fetch(const delivery::Offer& offer, bool in_background);
  void look_again_and_again();
  [[nodiscard]] double due_us() const;
  void count(const std::function<void(DeliveryCounters&)>& by);

  std::unique_ptr<delivery::Source> source_;
  std::unique_ptr<delivery::Store> store_;
  DeliveryOptions options_;
  std::unique_ptr<VersionSwitch> versions_;
  std::string told_;     // version whose rejection was logged
  std::string refused_;  // version that the edge refused last
  double refused_until_us_ = 0;
  LogLimit limit_;
  double looked_us_ = 0;
  std::mutex looking_;        // one look at a time
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable_any wake_;
  DeliveryCounters counters_;
  std::stop_source stop_;
  std::thread thread_;
};

}  // namespace scissionlite::device
