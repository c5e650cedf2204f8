// How many files and connections the process may have open.
#pragma once

#include <cstdint>

namespace scissionlite {

/// As many as the system allows without asking anybody, up to what a service unit would ask for: a shell's usual limit is 1024.
void raise_descriptor_limit();
[[nodiscard]] int64_t descriptor_limit();
/// Whether at most 64 are left, or an eighth of a small limit. Costs two system calls.
[[nodiscard]] bool few_descriptors_are_left();

}  // namespace scissionlite
