// The edge's model folder: laid out so that this server, Triton, KServe and OpenVINO Model Server all load it.
#pragma once

#include <optional>
#include <string>

#include "base/file.h"
#include "prepare/package.h"

namespace scissionlite {

/// kOnnx: 1/model.onnx for a server with an ONNX runtime. kPython: 1/tail.onnx of the same bytes beside a model.py that
/// runs it in onnxruntime, for a Triton that has its Python backend only.
enum class RepositoryStyle { kOnnx, kPython };
/// @throws InvalidArgument for another word than "onnx" or "python".
[[nodiscard]] RepositoryStyle repository_style(const std::string& name);

struct RepositoryOptions {
  RepositoryStyle style = RepositoryStyle::kOnnx;
  int max_batch = 32;          // used where the batch is dynamic; else the server gets max_batch_size 0
  int max_queue_delay_us = 0;  // waiting for others costs every lone image that long; a busy server batches what has queued up anyway
  /// The compiled form of the model, in the style kOnnx only; none: not written. Without batches: those that a server loads with, 1 and,
  /// where it forms batches, 2.
  std::optional<CompileModelOptions> compile;
};

/// config.pbtxt of a model with these inputs and outputs.
[[nodiscard]] std::string model_config(const Graph& model, const Manifest& manifest, const RepositoryOptions& options);

/// @throws InvalidArgument for options that exclude each other.
void check_repository_options(const RepositoryOptions& options);

/// Fills `folder` (a folder under construction) with config.pbtxt, the model, its compiled form, manifest.json and input.json.
/// @param bytes  of `model`, as hashed in the manifest.
void write_model_folder(const fs::path& folder, const Graph& model, const std::string& bytes, Manifest manifest, const vision::InputSpec& input,
                        const RepositoryOptions& options);

/// The ONNX file of a model folder of either style. @throws InvalidArgument when there is none.
[[nodiscard]] fs::path model_file(const fs::path& model_folder);

}  // namespace scissionlite
