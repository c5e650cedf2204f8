// `tune MODEL`: the convolutions of a model one by one, of floats and of bytes, then its chains, its poolings where kernels are generated, then the
// whole network as tuned against the usual choices.
#pragma once

#include "cli/command.h"
#include "tune/tune.h"

namespace scissionlite::cli {

struct TuneModelOptions {
  std::string model, output;
  double seconds = 480;  // of all searches
  int rounds = 21;       // of the whole network
  bool is_generating = false;
  tune::TuneOptions tune;
};

/// Adds what it finds to the file `output` as it goes, and prints a table. @return the exit status.
int tune_model(const TuneModelOptions& options, const Common& common);

}  // namespace scissionlite::cli
