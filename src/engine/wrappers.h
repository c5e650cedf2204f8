// Wrapper backends: the interface of a backend around another one. Named in specs as "slow:4:openvino".
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "engine/engine.h"

namespace scissionlite {

/// After each run waits (factor - 1) times the CPU time that the run took, so that the slice looks like one on a machine
/// `factor` times slower. @throws InvalidArgument for a factor below 1.
[[nodiscard]] std::unique_ptr<Backend> make_slow_backend(double factor, std::unique_ptr<Backend> inner, Clock& clock = Clock::steady());

/// Runs two backends and throws InternalError when an output differs by more than 1e-3 of its largest value.
[[nodiscard]] std::unique_ptr<Backend> make_check_backend(std::unique_ptr<Backend> oracle, std::unique_ptr<Backend> inner);

/// Writes inputs and outputs of each run as numpy files into `folder`.
[[nodiscard]] std::unique_ptr<Backend> make_record_backend(const std::string& folder, std::unique_ptr<Backend> inner);

/// Runs wait while `file` exists: an engine that hangs, and may recover, when a test says so.
[[nodiscard]] std::unique_ptr<Backend> make_hang_backend(const std::string& file, std::unique_ptr<Backend> inner, Clock& clock = Clock::steady());

}  // namespace scissionlite
