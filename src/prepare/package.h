// Prepare: a chosen candidate as files that run: the device package and the edge's model repository.
//
// What lives here: the layout of both (this file), building them (prepare.h), head against tail (verify.h).
//   <device package>/  manifest.json  head.onnx  local.onnx  input.json  probe.bin  probe.png  <wire tensor>.coder
//                      also/<plan>/ (the same, of a further plan)
//   <repository>/<model>/  config.pbtxt  1/model.onnx  manifest.json  <wire tensor>.coder  input.json (edge-only plans: codec inputs)
// Of three machines the edge's model is the middle: decoder of the first TL, what lies between both cuts, encoder of the second. Beside it:
//   cloud/  manifest.json (of the cloud's model)  probe.bin  <wire tensor>.coder  local.onnx (the edge's copy of the cloud's tail; may be left out)
//   <cloud repository>/<model>/  as the edge's of two machines
// Where it was asked for, the compiled form of each ONNX file lies beside it (compiled_form.h): head.compiled/, 1/model.compiled/.
// local.onnx holds the bytes of the edge's model.onnx, TL decoder included: the device answers by itself from the codes
// that it has computed already, and the answer is the edge's own. Of three machines it holds middle and tail. Only split plans have a head.onnx.
// docs/formats.md describes every field.
// Relies on planner, transfer, vision. Start here.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "graph/graph.h"
#include "prepare/compiled_form.h"
#include "score/scores.h"
#include "vision/input_spec.h"

namespace scissionlite {

/// The edge's model does not end with the answer: what it computes is sent on to the cloud.
struct Forwarding {
  std::string candidate;               // key, of the second link
  std::string tail_name, tail_sha256;  // the cloud's model. The middle's own file names the hash too, so that its hash stands for the whole chain
  std::vector<ValueInfo> outputs;      // of the cloud's model, with which the edge answers
};

/// Of a probe's answer that went through the codes between edge and cloud: another engine may round some of them otherwise.
inline constexpr double kChainTolerance = 0.05;

/// manifest.json ("scissionlite.manifest/1") of a device package, and of the edge's model folder.
struct Manifest {
  std::string role;                                // "device" or "edge"
  std::string model_name;                          // "mobilenetv2_1.0"
  std::string tail_name;                           // name in the repository: "mobilenetv2_1.0_tail"; whole model: "mobilenetv2_1.0"
  std::string candidate;                           // key
  std::vector<std::string> cut_tensors;            // names in the original model
  std::string tl;                                  // spec, "" when none
  std::string model_sha256;                        // of the uncut model
  std::string head_sha256;                         // "" when there is no head
  std::string tail_sha256;                         // of the edge's model.onnx: sent as parameter model_sha256
  std::string local_sha256;                        // of local.onnx where that is another file (three machines); else ""
  std::optional<Forwarding> forward;               // of three machines
  std::vector<ValueInfo> wire;                     // what crosses; empty for local
  std::map<std::string, std::string> coders;       // wire tensors with an entropy coder: name -> hash of the code model
  CompiledForms compiled;                          // of the ONNX files in this folder
  std::vector<std::string> output_names;           // as served: letters, digits, '_', '-' and '.' only
  std::vector<std::string> original_output_names;  // in the uncut model, same order
  bool batch_dynamic = false;
  std::string batch_note;  // which node fixes the batch, when one does
  std::string created_by;  // version of ScissionLite
  /// Of all links: "split/12/uint8|split/40/fp16".
  [[nodiscard]] std::string chain() const { return forward ? candidate + "|" + forward->candidate : candidate; }
  [[nodiscard]] const std::string& local_hash() const { return local_sha256.empty() ? tail_sha256 : local_sha256; }
};
[[nodiscard]] Json to_json(const Manifest& manifest);
[[nodiscard]] Manifest manifest_from_json(const Json& json, const std::string& where);

/// probe.bin: wire tensors of one known image and the tail's answer to them. Layout: "SLPROBE1", then per tensor
/// uint32 name length, name, uint32 dtype, uint32 rank, int64 sizes, raw bytes; inputs first, preceded by two uint32
/// counts (inputs, outputs). Little-endian.
struct ProbeTensors {
  std::vector<std::pair<std::string, Tensor>> inputs, outputs;
};
[[nodiscard]] std::string serialize(const ProbeTensors& probe);
[[nodiscard]] ProbeTensors parse_probe(std::string_view bytes, const std::string& where);

/// A device package as it lies on disk, hashes checked.
struct DevicePackage {
  fs::path folder;
  Manifest manifest;
  vision::InputSpec input;
  [[nodiscard]] fs::path head_path() const { return folder / "head.onnx"; }
  [[nodiscard]] fs::path local_path() const { return folder / "local.onnx"; }
  [[nodiscard]] PackagedModel head() const { return with_form(head_path()); }
  [[nodiscard]] PackagedModel local() const { return with_form(local_path()); }
  [[nodiscard]] ProbeTensors load_probe() const;
  /// What the head makes the probe's tensors of; packages of earlier versions have none.
  [[nodiscard]] fs::path picture_path() const { return folder / "probe.png"; }
  /// A model of the package that takes images carries how they are prepared for it; labels and the decision may be others here.
  /// @throws InvalidArgument where input.json says another way.
  void check_input_of(const Graph& model) const;

 private:
  [[nodiscard]] PackagedModel with_form(const fs::path& onnx) const;
};
/// @throws InvalidArgument when a file is missing or a hash does not match (names both). Cost: reads and hashes every file, but of compiled
/// forms what check_form says.
[[nodiscard]] DevicePackage open_package(const fs::path& folder);

/// Key in the metadata of a head: the hash of the tail that it was made with.
inline constexpr const char* kTailMetadataKey = "scissionlite.tail_sha256";
/// @throws InvalidArgument when `head` was made with another tail than the manifest's: files of two packages were mixed.
void check_head_names_tail(const Graph& head, const Manifest& manifest);

}  // namespace scissionlite
