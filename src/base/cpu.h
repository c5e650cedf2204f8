// What machine this is: read at run time, never assumed.
#pragma once

#include <string>
#include <vector>

namespace scissionlite {

struct MachineInfo {
  std::string cpu;  // "Intel(R) Xeon(R) ..." or "unknown"
  std::vector<std::string>
      isa;  // of sse4.2, avx2, fma, f16c, avx512f, avx512bw, avx512vnni, avxvnni, avx512bf16, avx512vpopcntdq, avx512vbmi, amx_int8, amx_bf16, neon
  int cores = 1;  // that this process may use
};
/// Read once from the CPU and the process's affinity. AMX is among it where the system lets this process use it, for which that asks.
[[nodiscard]] const MachineInfo& this_machine();
/// Whether it has all of these instruction sets, as MachineInfo names them.
[[nodiscard]] bool has_isa(const std::vector<std::string>& needs);

}  // namespace scissionlite
