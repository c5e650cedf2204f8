#include "engine/backends/native/compiled/stored_kernels.h"

#include <algorithm>

#include "base/json.h"
#include "kernels/generated/kernel_store.h"
#include "tune/objects.h"

namespace scissionlite::native {
namespace {

constexpr const char* kKernelsJson = "kernels.json";

}  // namespace

std::vector<std::string> store_kernels(const std::vector<Decision>& decisions, const fs::path& tuning, const fs::path& folder) {
  tune::Database wanted;
  if (!tuning.empty())
    for (const auto& [key, entry] : tune::load_database(tuning).entries) {
      // decisions name nodes: of convolutions with equal knobs all are taken
      const auto asks = [&entry = entry](const Decision& decision) {
        return decision.implementation == entry.implementation && decision.knobs == entry.knobs;
      };
      if (entry.kernel && std::any_of(decisions.begin(), decisions.end(), asks)) wanted.add(key, entry);
    }
  std::vector<std::string> files;
  if (wanted.entries.empty()) return files;
  const auto database = folder / kKernelsJson;
  tune::copy_kernels(tuning, wanted, database);
  write_json(database, tune::to_json(wanted));
  files.emplace_back(kKernelsJson);
  for (const auto& file : fs::directory_iterator(tune::kernels_folder(database))) files.push_back(fs::relative(file.path(), folder).string());
  std::sort(files.begin(), files.end());
  return files;
}

void bring_kernels(const fs::path& folder, const kernels::VectorLoops& loops) {
  const auto database = folder / kKernelsJson;
  if (!fs::exists(database)) return;
  for (const auto& [key, entry] : tune::load_database(database).entries)
    if (entry.kernel) kernels::offer_kernel(tune::load_kernel(database, *entry.kernel, kernels::target_of(loops)));
}

}  // namespace scissionlite::native
