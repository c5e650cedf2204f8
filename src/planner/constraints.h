// Constraints: what a plan must or must not do, in one readable line each.
//
//   require:  layer X on M            the layer is computed on machine M (X: tensor, cut id, or with --model a node)
//             layers A..B on M        both ends, and so everything between them
//             machine M               M computes a part of the model
//             latency <= 50ms         or a share of the local-only latency: 80% of local
//             time on M <= 30ms       busy time of one machine (decode + slice + encode); a share works too
//             throughput >= 10        images per second, pipelined
//             bytes <= 20k            over all links
//             bytes from M <= 20k     over the link that leaves M
//             blocks on M >= 3        blocks between single-tensor cuts that M computes wholly (privacy)
//             agreement >= 0.97       measured by `score`; with "agreement lower" the lower end of its 95 % interval
//             psnr <= 20dB            of pictures rebuilt from what is sent, measured by `privacy`; the picture itself and
//                                     what was not measured do not meet it, sending nothing does
//             ssim <= 0.5             the same by structural similarity
//   forbid:   layer X on M, layers A..B on M, machine M
//             images leaving          the device sends activations only (what --private says)
#pragma once

#include <string>
#include <vector>

namespace scissionlite::planner {

struct Constraint {
  enum class Kind {
    kLayers,
    kMachine,
    kLatency,
    kMachineTime,
    kThroughput,
    kBytes,
    kBytesFrom,
    kBlocks,
    kAgreement,
    kAgreementLow,
    kPsnr,
    kSsim,
    kImages
  };
  Kind kind = Kind::kLatency;
  bool is_forbidden = false;       // of kLayers, kMachine
  std::string text;                // "require latency <= 50ms"
  size_t machine = 0;              // index, of kinds with "on M"
  std::string first, last;         // of kLayers; equal for one layer
  double limit = 0;                // us, bytes, blocks, images per second, share, dB, similarity
  bool is_share_of_local = false;  // `limit` is a share
  [[nodiscard]] bool depends_on_link() const { return kind == Kind::kLatency || kind == Kind::kThroughput; }
  [[nodiscard]] bool needs_scores() const { return kind == Kind::kAgreement || kind == Kind::kAgreementLow; }
  [[nodiscard]] bool needs_privacy() const { return kind == Kind::kPsnr || kind == Kind::kSsim; }
};

/// @param machines  names in order. @throws InvalidArgument with the grammar or the nearest name.
[[nodiscard]] Constraint parse_require(const std::string& text, const std::vector<std::string>& machines);
[[nodiscard]] Constraint parse_forbid(const std::string& text, const std::vector<std::string>& machines);
/// The grammar, one line each, for --help and messages.
[[nodiscard]] std::string constraint_grammar();

}  // namespace scissionlite::planner
