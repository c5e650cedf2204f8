#include "base/scratch_folder.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/abandoned.h"
#include "base/error.h"

namespace scissionlite {
namespace {

std::string prefix_of(const std::string& purpose) { return "scissionlite-" + purpose + "-"; }

}  // namespace

ScratchFolder::ScratchFolder(const std::string& purpose) {
  std::string name = (fs::temp_directory_path() / (prefix_of(purpose) + std::to_string(getpid()) + "-XXXXXX")).string();
  if (mkdtemp(name.data()) == nullptr)
    throw ResourceError("[" + purpose + "] cannot make a folder '" + name + "': " + std::strerror(errno) +
                        "; free some space, or set TMPDIR to a folder that can be written");
  path_ = name;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void ScratchFolder::remove_abandoned(const std::string& purpose) {
  std::error_code error;
  const auto folder = fs::temp_directory_path(error);
  if (!error) scissionlite::remove_abandoned(folder, prefix_of(purpose));
}

}  // namespace scissionlite
