// The code models of wire tensors as files beside the halves: "<wire tensor>.coder", the same bytes on both machines.
#pragma once

#include <memory>
#include <string>

#include "base/file.h"
#include "coding/code_model.h"
#include "transfer/transfer.h"

namespace scissionlite {

[[nodiscard]] std::string coder_file_name(const std::string& wire_tensor);
void write_coders(const fs::path& folder, const transfer::CodeModels& coders);
/// @throws InvalidArgument for a missing or damaged file.
[[nodiscard]] std::shared_ptr<const coding::CodeModel> load_coder(const fs::path& folder, const std::string& wire_tensor);

}  // namespace scissionlite
