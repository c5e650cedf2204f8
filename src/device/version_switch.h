// The version of a package that answers now, replaced between two images: those that are on their way end with the one that began them.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "device/plans.h"

namespace scissionlite::device {

/// Ends when the last image that it began is answered.
class Version {
 public:
  Version(std::string name, std::unique_ptr<Plans> plans) : name_(std::move(name)), plans_(std::move(plans)) {}
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const Plans& plans() const { return *plans_; }

 private:
  std::string name_;
  std::unique_ptr<Plans> plans_;
};

class VersionSwitch final : public Answerer {
 public:
  explicit VersionSwitch(std::shared_ptr<Version> first) : clock_(first->plans().first().clock()), current_(std::move(first)) {}

  [[nodiscard]] Prepared prepare(Frame frame, bool keep) override;
  [[nodiscard]] Answer finish(Prepared prepared) override;
  [[nodiscard]] Clock& clock() const override { return clock_; }  // of all versions
  [[nodiscard]] std::shared_ptr<Version> current() const;
  /// From the next image on. @return the one before.
  std::shared_ptr<Version> switch_to(std::shared_ptr<Version> next);

 private:
  Clock& clock_;
  mutable std::mutex mutex_;  // guards current_
  std::shared_ptr<Version> current_;
};

}  // namespace scissionlite::device
