#include "kernels/precision.h"

#include "base/error.h"

namespace scissionlite::kernels {

const char* name_of(Precision precision) { return precision == Precision::kBf16 ? "bf16" : "f32"; }

Precision precision_named(const std::string& name) {
  for (const auto precision : {Precision::kF32, Precision::kBf16})
    if (name == name_of(precision)) return precision;
  throw InvalidArgument("[engine] unknown precision '" + name + "'; available: f32, bf16");
}

}  // namespace scissionlite::kernels
