#include "train/loop/checkpoint.h"

#include <cstring>

#include "base/error.h"

namespace scissionlite::train {
namespace {

constexpr std::string_view kMagic = "SCISSIONLITE-CHECKPOINT-1\n";
constexpr size_t kDigestSize = 64;

Json describe(const std::map<std::string, Tensor>& tensors) {
  Json list = Json::array();
  for (const auto& [name, tensor] : tensors) list.push_back({{"name", name}, {"dtype", dtype_name(tensor.dtype())}, {"shape", tensor.shape()}});
  return list;
}

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
  throw InvalidArgument("[checkpoint] '" + path.string() + "' " + what + "; delete it to start anew");
}

}  // namespace

std::string checkpoint_bytes(const Checkpoint& checkpoint) {
  const std::string header = Json{{"run", checkpoint.header}, {"tensors", describe(checkpoint.tensors)}}.dump();
  std::string bytes(kMagic);
  const uint64_t size = header.size();
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(size >> (8 * i) & 0xff));
  bytes += header;
  for (const auto& [name, tensor] : checkpoint.tensors) bytes.append(reinterpret_cast<const char*>(tensor.data()), tensor.size_bytes());
  return bytes += sha256_hex(bytes);
}

void write_checkpoint(const fs::path& path, const Checkpoint& checkpoint) { write_file(path, checkpoint_bytes(checkpoint)); }

Checkpoint read_checkpoint(const fs::path& path) { return checkpoint_of(read_file(path), path); }

Checkpoint checkpoint_of(std::string_view bytes, const fs::path& path) {
  if (bytes.compare(0, kMagic.size(), kMagic) != 0) fail(path, "is no checkpoint of scissionlite-train");
  if (bytes.size() < kMagic.size() + 8 + kDigestSize) fail(path, "is cut short");
  const std::string_view content(bytes.data(), bytes.size() - kDigestSize);
  if (sha256_hex(content) != bytes.substr(content.size())) fail(path, "is damaged: its SHA-256 differs from the one it ends with");
  uint64_t size = 0;
  for (size_t i = 0; i < 8; ++i) size |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[kMagic.size() + i])) << (8 * i);
  size_t at = kMagic.size() + 8;
  if (size > content.size() - at) fail(path, "is damaged: its header is larger than the file");
  const Json header = parse_json(content.substr(at, size), path.string());
  at += size;
  const JsonReader reader(header, path.string());
  Checkpoint out{reader.at("run").raw(), {}};
  for (const auto& entry : reader.at("tensors").elements()) {
    Tensor tensor(dtype_from_name(entry.at("dtype").text()), entry.at("shape").integers());
    if (tensor.size_bytes() > content.size() - at) fail(path, "is damaged: tensor '" + entry.at("name").text() + "' reaches beyond its end");
    std::memcpy(tensor.mutable_data(), bytes.data() + at, tensor.size_bytes());
    at += tensor.size_bytes();
    out.tensors.emplace(entry.at("name").text(), std::move(tensor));
  }
  return out;
}

std::optional<Difference> first_difference(const Json& first, const Json& second) {
  for (const auto& [key, value] : second.items()) {
    if (!first.contains(key)) return Difference{key, "not set", value.dump()};
    if (first.at(key) != value) return Difference{key, first.at(key).dump(), value.dump()};
  }
  for (const auto& [key, value] : first.items())
    if (!second.contains(key)) return Difference{key, value.dump(), "not set"};
  return std::nullopt;
}

void check_same_run(const Json& saved, const Json& now, const std::string& where) {
  if (const auto one = first_difference(saved, now))
    throw InvalidArgument("[checkpoint] '" + where + "' belongs to another run: '" + one->key + "' was " + one->first + ", now it is " + one->second +
                          "; give the same options to go on, or another file to start anew");
}

}  // namespace scissionlite::train
