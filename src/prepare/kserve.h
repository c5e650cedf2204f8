// What KServe needs to serve a model folder with this program: a ServingRuntime and an InferenceService, as YAML.
#pragma once

#include <string>

#include "prepare/package.h"

namespace scissionlite {

struct KserveOptions {
  std::string image;         // container image with the package scissionlite-edge
  std::string storage;       // where the cluster finds the repository: pvc://, s3://, gs://, https://, ...
  int threads = 1;           // cores that the container asks for
  std::string forward_to{};  // HOST:PORT of the cloud, of three machines; else ""
};

/// @param has_cloud  the model is the middle of three machines'. @throws InvalidArgument for a storage without a scheme, and for a cloud whose
/// address is missing, is none, or is given of two machines.
void check_kserve_options(const KserveOptions& options, bool has_cloud);

/// Both documents, for `kubectl apply -f`. The container loads the manifest's model only, whatever else the repository holds; its probes ask whether
/// the model can infer.
/// @param model_bytes  of the ONNX files that it loads: memory is asked for by that.
/// @throws what check_kserve_options throws.
[[nodiscard]] std::string kserve_manifest(const Manifest& manifest, size_t model_bytes, const KserveOptions& options);

/// As Kubernetes names things: lower-case letters, digits and '-', a letter first, at most 40 of them, as KServe appends to it. A name that is
/// none gets digits of its hash, so that no two models share one.
[[nodiscard]] std::string kserve_name(const std::string& model_name);

}  // namespace scissionlite
