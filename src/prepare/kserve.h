// What KServe needs to serve a model folder with this program: a ServingRuntime and an InferenceService, as YAML.
#pragma once

#include <string>

#include "prepare/package.h"

namespace scissionlite {

struct KserveOptions {
  std::string image;    // container image with the package scissionlite-edge
  std::string storage;  // where the cluster finds the repository: pvc://, s3://, gs://, https://, ...
  int threads = 1;      // cores that the container asks for
};

/// @throws InvalidArgument for a storage without a scheme.
void check_kserve_options(const KserveOptions& options);

/// Both documents, for `kubectl apply -f`. The container loads the manifest's model only, whatever else the repository holds; its probes ask whether
/// the model can infer.
/// @param model_bytes  of the ONNX file: memory is asked for by that.
/// @throws what check_kserve_options throws.
[[nodiscard]] std::string kserve_manifest(const Manifest& manifest, size_t model_bytes, const KserveOptions& options);

/// As Kubernetes names things: lower-case letters, digits and '-', a letter first, short enough for what KServe appends.
[[nodiscard]] std::string kserve_name(const std::string& model_name);

}  // namespace scissionlite
