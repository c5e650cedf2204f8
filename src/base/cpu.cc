#include "base/cpu.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace scissionlite {
namespace {

struct Flag {
  const char* kernel_name;  // as /proc/cpuinfo writes it
  const char* name;         // as we write it
};
constexpr Flag kFlags[] = {{"sse4_2", "sse4.2"},
                           {"avx2", "avx2"},
                           {"fma", "fma"},
                           {"f16c", "f16c"},
                           {"avx512f", "avx512f"},
                           {"avx512bw", "avx512bw"},
                           {"avx512_vnni", "avx512vnni"},
                           {"avx_vnni", "avxvnni"},
                           {"avx512_bf16", "avx512bf16"},
                           {"avx512_vpopcntdq", "avx512vpopcntdq"},
                           {"avx512vbmi", "avx512vbmi"},
                           {"amx_int8", "amx_int8"},
                           {"amx_bf16", "amx_bf16"},
                           {"asimd", "neon"}};

/// Linux gives a process AMX's tile registers when it asks for them: once, for all of its threads, and kept by what it forks.
bool may_use_tiles() {
#if defined(__x86_64__) && defined(SYS_arch_prctl)
  constexpr int kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}
bool is_of_tiles(const std::string& isa) { return isa.starts_with("amx_"); }

MachineInfo read_machine() {
  MachineInfo info;
  info.cpu = "unknown";
  std::ifstream file("/proc/cpuinfo");
  std::string line, flags;
  while (std::getline(file, line)) {
    const auto colon = line.find(": ");
    if (colon == std::string::npos) continue;
    if (line.rfind("model name", 0) == 0 && info.cpu == "unknown") info.cpu = line.substr(colon + 2);
    if ((line.rfind("flags", 0) == 0 || line.rfind("Features", 0) == 0) && flags.empty()) flags = line.substr(colon + 2) + " ";
  }
  std::istringstream words(flags);
  std::string word;
  while (words >> word)
    for (const auto& flag : kFlags)
      if (word == flag.kernel_name) info.isa.emplace_back(flag.name);
  if (std::any_of(info.isa.begin(), info.isa.end(), is_of_tiles) && !may_use_tiles()) std::erase_if(info.isa, is_of_tiles);
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) info.cores = CPU_COUNT(&set);
  return info;
}

}  // namespace

bool has_isa(const std::vector<std::string>& needs) {
  const auto& isa = this_machine().isa;
  return std::all_of(needs.begin(), needs.end(), [&](const std::string& need) { return std::find(isa.begin(), isa.end(), need) != isa.end(); });
}

const MachineInfo& this_machine() {
  static const MachineInfo info = read_machine();
  return info;
}

}  // namespace scissionlite
