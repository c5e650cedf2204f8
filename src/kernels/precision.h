// What a model may be computed in.
#pragma once

#include <string>

namespace scissionlite::kernels {

enum class Precision {
  kF32,
  kBf16,  // convolutions and products may round what they multiply to bf16, where that is expected to be faster; sums stay float32
};

/// "f32" or "bf16".
[[nodiscard]] const char* name_of(Precision precision);
/// @throws InvalidArgument naming those there are.
[[nodiscard]] Precision precision_named(const std::string& name);

}  // namespace scissionlite::kernels
