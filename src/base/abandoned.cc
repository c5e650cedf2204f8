#include "base/abandoned.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>

namespace scissionlite {
namespace {

constexpr auto kQuiet = std::chrono::minutes(1);

/// The process that `name` names; 0 where it names none.
pid_t process_in(const std::string& name, const std::string& prefix) {
  if (!name.starts_with(prefix)) return 0;
  pid_t process = 0;
  const char* const end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data() + prefix.size(), end, process);
  const bool is_whole = error == std::errc() && process > 0 && end - rest > 1 && *rest == '-';
  return is_whole ? process : 0;
}

bool has_ended(pid_t process) { return kill(process, 0) != 0 && errno == ESRCH; }

bool is_ours(const fs::path& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0 && info.st_uid == geteuid() && (S_ISDIR(info.st_mode) || S_ISREG(info.st_mode));
}

/// When `path` or anything below it was last written; now, where that cannot be told.
fs::file_time_type last_written(const fs::path& path) {
  std::error_code error;
  auto latest = fs::last_write_time(path, error);
  for (fs::recursive_directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error))
    if (entry->is_regular_file(error)) latest = std::max(latest, entry->last_write_time(error));
  const bool is_file = error == std::errc::not_a_directory;
  return error && !is_file ? fs::file_time_type::clock::now() : latest;
}

}  // namespace

void remove_abandoned(const fs::path& folder, const std::string& prefix) {
  std::error_code ignored;
  for (const auto& path : list_folder(folder, ignored)) {
    const auto process = process_in(path.filename().string(), prefix);
    if (process == 0 || !has_ended(process) || !is_ours(path)) continue;
    if (fs::file_time_type::clock::now() - last_written(path) > kQuiet) fs::remove_all(path, ignored);
  }
}

}  // namespace scissionlite
