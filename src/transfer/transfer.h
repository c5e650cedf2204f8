// Transfer layers (TL): what shrinks an activation before it crosses the network and restores it on the edge.
//
// What lives here: the interface (this file), one file a family, the table of families (transfer.inc). A fitted TL is a
// pair of small graphs of standard operators in the host model's own opset, so any runtime runs them; graph/slice.h
// joins them to head and tail. Relies on graph, ops, engine. Start with `TransferLayer`.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "graph/cuts.h"
#include "graph/graph.h"

namespace scissionlite::coding {
class CodeModel;
}

namespace scissionlite::transfer {

using CodeModels = std::map<std::string, std::shared_ptr<const coding::CodeModel>>;  // by wire tensor

/// A fitted TL for one tensor. Encoder: input `x` (batch dynamic), outputs `code` and, for some families, `range`.
/// Decoder: the encoder's outputs as inputs, output `x`, same dtype and shape as the encoder's input.
/// Numerics: infinities saturate, fp16 at +-65504, uint at +-1e30, klt at the fitted range; fp32 and pool pass them on.
/// A NaN becomes some finite value in klt; elsewhere it stays one or spoils the image's range, as in the uncut model.
struct Codec {
  Graph encoder, decoder;
  int64_t code_bytes = 0;  // on the wire for one image; of an entropy-coded TL the mean over the fitting images
  std::string note;        // what was fitted, for manifests ("explains 99.2 % of the variance")
  // Entropy coder of `code`, which then is uint8 (n, channels, rows, columns): between two ScissionLite ends the stream
  // crosses instead of the tensor; a stock server gets the tensor. Null: the tensor crosses always.
  std::shared_ptr<const coding::CodeModel> coder;
  bool restores_range = true;  // the decoder ends in the range of the Relu before the cut, where there is one
};

struct FitContext {
  ValueInfo tensor;           // name, dtype, shape with batch 1
  std::vector<Opset> opsets;  // of the host model; encoder and decoder use the same
  int64_t ir_version = 8;
  std::span<const Tensor> samples;  // activations of unlabelled images, batch 1 each; empty for families that need none
  // Gradients at activations of log p(y), y drawn from the model's own answers: families that can, give directions that
  // move the answers more bits. Empty: all directions count alike.
  std::span<const Tensor> gradients{};
  bool keep_range = false;  // what a Relu made must not come back negative, because a layer behind takes no such value (Sqrt, Log, Pow)
};

/// A family with its parameters fixed: "fp32", "fp16", "uint8", "uint4", "pool", "klt-s2-c64-b4" (stride 2, 64 channels, 4 bits).
class TransferLayer {
 public:
  virtual ~TransferLayer() = default;
  [[nodiscard]] virtual std::string spec() const = 0;
  [[nodiscard]] virtual bool needs_samples() const = 0;
  /// Whether it can take such a tensor; else why not ("needs 4 dimensions").
  [[nodiscard]] virtual Support supports(const ValueInfo& tensor) const = 0;
  /// Of a cut of several tensors, whether those that it cannot take may cross as they are; else they are an error.
  [[nodiscard]] virtual bool may_cross_plainly() const { return true; }
  /// @throws InvalidArgument: too few samples, all equal, of another shape (with numbers).
  [[nodiscard]] virtual Codec fit(const FitContext& context) const = 0;
};

/// By spec. @throws InvalidArgument naming the known families.
[[nodiscard]] std::unique_ptr<TransferLayer> make(const std::string& spec);
/// One line a family: name, parameters, what it does. For --help and docs.
struct Family {
  std::string name, usage, summary;
};
[[nodiscard]] std::vector<Family> families();
/// The specs tried when the user names none, for a tensor of this shape.
[[nodiscard]] std::vector<std::string> default_specs(const ValueInfo& tensor);

/// Head with encoders and tail with decoders for a cut; one spec for all tensors. Tensors that the TL cannot take
/// (rank under 4 or an integer dtype) cross plainly. Wire tensors are named "cut0", "cut1", ... (no '/' or ':'); a
/// second output of an encoder is named "cut0_range".
struct SplitModel {
  Graph head, tail;             // the head's input and the tail's outputs are the model's own
  Graph tail_body;              // without TL
  std::vector<Codec> codecs;    // per tensor of the cut
  std::vector<ValueInfo> wire;  // what crosses, batch 1
  int64_t wire_bytes = 0;       // for one image; streams by their mean
  CodeModels coders;            // of wire tensors that have one
};
/// @param samples  per tensor of the cut, activations of the fitting images; empty when the TL needs none.
[[nodiscard]] SplitModel split(const Graph& model, const Cut& cut, const TransferLayer& layer, const std::vector<std::vector<Tensor>>& samples = {});

/// Both halves as one model with the TL inside, which answers as they do. Its wire tensors are a cut of it: split there
/// and sent as they are ("fp32"), it gives the halves again. Source: ScissionLite (arXiv 2105.02019), the Inserter.
[[nodiscard]] Graph insert(const SplitModel& split);

}  // namespace scissionlite::transfer
