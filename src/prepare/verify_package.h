// A package and its repository as they lie on disk: do they belong together, and do they answer right?
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "prepare/package.h"

namespace scissionlite {

struct PackageVerifyOptions {
  fs::path package;
  fs::path repository;           // empty: the package alone
  fs::path model;                // the uncut model, to compare with; empty: not compared
  std::vector<fs::path> images;  // for the comparison; empty: one synthetic picture
  std::string engine;            // "" = default_backend()
  int threads = 0;
  double tolerance = 1e-3;  // of max|y|: engines differ in the last digits
};

/// One thing that was checked.
struct PackageFinding {
  std::string what, detail;
  bool ok = true;
  ErrorCode code = ErrorCode::kInvalidArgument;  // where it is not: kResource is this machine's trouble, and says nothing of the package
};

/// Hashes of all files, the tail named by head, manifest, config and repository, the probe's answer, what the head makes of the probe's picture,
/// compiled forms beside their ONNX files (both by the engine `native`, in every batch size that was compiled), and with `model` the answers of head
/// and tail beside the model's own: they must agree when the TL loses nothing (fp32), and their top-1 agreement is reported otherwise. Never throws
/// for what it finds.
[[nodiscard]] std::vector<PackageFinding> verify_package(const PackageVerifyOptions& options);

}  // namespace scissionlite
