#include "prepare/coder_files.h"

#include "base/error.h"

namespace scissionlite {

std::string coder_file_name(const std::string& wire_tensor) { return wire_tensor + ".coder"; }

void write_coders(const fs::path& folder, const transfer::CodeModels& coders) {
  for (const auto& [name, model] : coders) write_file(folder / coder_file_name(name), model->serialize());
}

std::shared_ptr<const coding::CodeModel> load_coder(const fs::path& folder, const std::string& wire_tensor) {
  const auto path = folder / coder_file_name(wire_tensor);
  if (!fs::exists(path))
    throw InvalidArgument("[package] '" + folder.string() + "' has no " + coder_file_name(wire_tensor) +
                          ", which its manifest names; prepare the package again");
  return std::make_shared<const coding::CodeModel>(coding::CodeModel::parse(read_file(path), path.string()));
}

}  // namespace scissionlite
