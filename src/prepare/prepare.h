// Building the two halves of a candidate: device package and model repository.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/cuts.h"
#include "prepare/coder_files.h"
#include "prepare/package.h"
#include "prepare/repository.h"
#include "transfer/fitted.h"

namespace scissionlite {

/// Of a chain of machines, one a link: "split/12/uint8|split/40/fp16". @throws InvalidArgument saying the grammar; for more than two links.
[[nodiscard]] std::vector<Candidate> chain_from_key(const std::string& key);

struct PrepareOptions {
  fs::path model_path;  // of the uncut model: its hash is its identity
  Graph graph;          // that model, loaded; empty (no nodes): loaded from model_path
  Candidate candidate;
  std::optional<Candidate> next;  // of the second link, where the edge forwards to a cloud
  std::vector<std::string> also;  // keys of further plans, which the package holds too (further_plans.h); their models' names end with the key
  std::vector<Cut> cuts;          // where candidate.cut_id is looked up; empty: found anew
  vision::InputSpec input;
  transfer::Shelf shelf;             // TLs fitted beforehand
  std::vector<fs::path> fit_images;  // unlabelled: what TLs are fitted on; the first one also becomes the probe
  std::string engine;                // computes activations and the probe's answer; "" = default_backend()
  int threads = 0;
  fs::path package;                            // device folder; empty: not written
  std::optional<CompileModelOptions> compile;  // compiled forms of the device's models; none: not written
  fs::path repository;                         // holds a folder a model; empty: not written
  RepositoryOptions repository_options;
  std::string tail_name;      // in the repository; "" = "<model>_tail", "<model>" for edge-only plans, or "<model>_middle" for an edge that forwards
  fs::path cloud_repository;  // with `next`
  std::string cloud_name;     // in it; "" = "<model>_tail"
  bool cloud_copy = true;     // the edge gets a copy of the cloud's tail, with which it answers when the cloud does not
};

/// Writes package and repository; returns the device's manifests, that of `candidate` first. Both folders appear under their final names only when
/// everything in both is written; what was prepared there before is replaced. A refused call leaves no folders behind.
///   split/...  head.onnx = model up to the cut + TL encoder, model.onnx = TL decoder + rest
///   edge/...   no head; model.onnx = the whole model; input.json lets the server decode images
///   local      no repository; local.onnx = the whole model
///   a|b        of three machines: the edge's model.onnx = TL decoder of a + what lies between + TL encoder of b,
///              the cloud's = TL decoder of b + rest
/// Compiled forms are written beside the ONNX files, whatever engine the candidate was planned with: only `native` runs them.
/// The head's metadata carries input.json ("scissionlite.input"), the tail's hash and the candidate.
/// @throws InvalidArgument: unknown cut, TL without images, input spec that does not fit, a further plan that comes twice or without a package, a
/// place that holds anything that was not prepared, places of which one lies in another, a name that servers refuse;
/// Unsupported: a chain whose edge computes nothing, a model of several inputs; ResourceError: a folder that cannot be written. With compiled forms
/// also Unsupported, where the engine `native` cannot compile a half. Cost: one run a fitting image, the fit, two compilations of the tail, a few
/// runs; a compilation for each form and batch.
[[nodiscard]] std::vector<Manifest> prepare_candidate(const PrepareOptions& options);

/// What runs on both sides of a link, as graphs, before anything is written.
struct Halves {
  Graph head;                   // no nodes when there is none
  Graph tail;                   // what the edge runs (the whole model for edge-only and local plans, the middle where there is a cloud)
  std::vector<ValueInfo> wire;  // inputs of `tail`, batch 1
  std::vector<std::string> cut_tensors, original_output_names;
  ProbeTensors probe;
  std::string probe_picture;    // PNG of the model's size, from which the head makes the probe's tensors; "" where there is no head
  transfer::CodeModels coders;  // of wire tensors that may cross as streams
  bool batch_dynamic = false;
  std::string batch_note;
  std::unique_ptr<Halves> next;  // of the second link; it has no head: that is `tail`
  Graph local;                   // with `next`: tail and the cloud's tail as one, for the device
};
[[nodiscard]] Halves make_halves(const PrepareOptions& options);

}  // namespace scissionlite
