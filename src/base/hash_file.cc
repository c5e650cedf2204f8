#include "base/hash_file.h"

#include <fstream>

namespace scissionlite {

bool hash_file(Sha256& hash, const fs::path& path, std::vector<char>& buffer) {
  constexpr size_t kPiece = size_t{1} << 20;
  buffer.resize(kPiece);
  std::ifstream file(path, std::ios::binary);
  if (!file) return false;
  do {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hash.update(std::string_view(buffer.data(), static_cast<size_t>(file.gcount())));
  } while (file);
  return file.eof();
}

}  // namespace scissionlite
