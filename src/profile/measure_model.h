// A model's profile on this machine: the whole, slices at its cuts, TLs, blocks, images.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "profile/choose_cuts.h"
#include "profile/measure.h"
#include "vision/input_spec.h"

namespace scissionlite {

struct ProfileOptions {
  std::string machine_name = "device";
  std::string model_name, model_sha256;
  std::string engine;  // "" = default_backend(); "slow:4:openvino" emulates a machine 4 times slower
  CompileOptions compile;
  vision::InputSpec input;
  std::vector<fs::path> images;  // real input, and what image codecs are timed on; empty: synthetic pictures
  ChosenCuts chosen;
  transfer::Shelf shelf;  // TLs fitted beforehand
  MeasureOptions measure;
  double budget_us = 120e6;     // of all work; what does not fit is left unmeasured, least important first
  double memory_bytes = 1.5e9;  // of slices that are compiled at once, estimated from their weights
  bool blocks = true;
  fs::path partial;  // where intermediate results are kept; empty: nowhere
  std::function<void(size_t done, size_t total, const std::string& what)> progress;
};

/// What was measured, and what was left out for want of time.
struct ProfileResult {
  Profile profile;
  size_t measured = 0, total = 0;     // times
  std::vector<std::string> left_out;  // names
  std::vector<std::string> refused;   // slices that the engine does not run, with its reason
  size_t unsettled = 0;               // whose interval stayed wider than asked for
};

/// Order of importance: whole model and images; head and tail of every cut; TLs alone; slices joined with TLs; blocks.
/// Slices are compiled once, measured in turns with others, and dropped before the next group.
/// @throws InvalidArgument, Unsupported as the engine does for the uncut model. A slice that the engine refuses is
/// listed in `refused` and left unmeasured.
[[nodiscard]] ProfileResult profile_model(const Graph& model, const ProfileOptions& options);

}  // namespace scissionlite
