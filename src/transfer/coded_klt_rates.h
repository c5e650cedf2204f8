// Several rates of the entropy-coded KLT from one analysis of the samples. Free of Eigen's types.
#pragma once

#include <memory>
#include <string>

#include "transfer/transfer.h"

namespace scissionlite::transfer {

struct CodedAnalysis;

class CodedKltRates {
 public:
  /// @param context  its samples and gradients have to outlive this. @param name  for messages ("klt-s2").
  /// @throws InvalidArgument as TransferLayer::fit.
  CodedKltRates(const FitContext& context, int64_t stride, const std::string& name);
  ~CodedKltRates();

  /// With a quantiser step of so many percent of the components' rms. @throws InvalidArgument for a step that leaves nothing.
  [[nodiscard]] Codec codec(int64_t step_percent) const;

 private:
  FitContext context_;
  std::string where_;
  std::unique_ptr<const CodedAnalysis> analysis_;
};

}  // namespace scissionlite::transfer
