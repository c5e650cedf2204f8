#include "server/models/packages.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/folder_state.h"
#include "base/log.h"
#include "base/text.h"
#include "prepare/further_plans.h"
#include "server/call/names.h"
#include "server/call/refusal.h"

namespace scissionlite::server {
namespace {

int64_t changed_ns(const struct stat& info) { return static_cast<int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec; }

}  // namespace

std::string PackageFileReader::read(int64_t offset, size_t limit) const {
  std::string bytes(static_cast<size_t>(std::clamp<int64_t>(size_bytes - offset, 0, static_cast<int64_t>(limit))), '\0');
  const ssize_t given = pread(file.get(), bytes.data(), bytes.size(), offset);
  struct stat info {};
  if (given != static_cast<ssize_t>(bytes.size()) || fstat(file.get(), &info) != 0 || info.st_size != size_bytes || changed_ns(info) != at_ns)
    throw Refusal(Code::kUnavailable, "the file changed while it was read; ask for the packages again");
  return bytes;
}

Packages::Packages(fs::path folder, const Repository& repository) : folder_(std::move(folder)), repository_(repository) {
  if (are_offered() && !is_folder(folder_))
    throw InvalidArgument(
        "[server] '" + folder_.string() +
        "' of --packages is not a folder; expected one with device packages, as `scissionlite prepare --package FOLDER/NAME` writes them");
}

void Packages::refresh(bool is_asked_for) {
  if (!are_offered()) return;
  const std::lock_guard one_at_a_time(refreshing_);
  std::set<std::string> there;
  std::error_code error;
  for (const auto& path : list_folder(folder_, error)) {
    const auto name = path.filename().string();
    if (!is_folder(path) || !is_model_name(name) || is_unfinished(name)) continue;
    there.insert(name);
    look_at(path, is_asked_for);
  }
  if (error) return;  // a share that went away takes no package back
  const auto is_gone = [&](const auto& one) { return there.count(one.first) == 0; };
  std::erase_if(seen_, is_gone);
  std::erase_if(refused_, is_gone);
  const std::lock_guard lock(mutex_);
  std::erase_if(packages_, is_gone);
}

Packages::Package Packages::read_package(const fs::path& folder, std::string state) {
  std::map<std::string, std::string> needs;
  const auto plans = open_plans(folder);
  const auto needs_edge = [](const Manifest& manifest) { return candidate_from_key(manifest.candidate).kind != Candidate::Kind::kLocal; };
  for (const auto& plan : plans)
    if (needs_edge(plan.manifest) && needs.emplace(plan.manifest.tail_name, plan.manifest.tail_sha256).first->second != plan.manifest.tail_sha256)
      throw InvalidArgument("[package] two plans of '" + folder.string() + "' need different models of the name '" + plan.manifest.tail_name +
                            "'; prepare the package with all its plans at once (--also)");
  const auto& manifest = plans.front().manifest;
  Package out{.offer = {.name = folder.filename().string(),
                        .version = {},
                        .model = manifest.model_name,
                        .candidate = manifest.candidate,
                        .tail = needs_edge(manifest) ? manifest.tail_name : "",
                        .files = delivery::list_files(folder)},
              .needs = std::move(needs),
              .state = std::move(state),
              .files = {}};
  out.offer.version = delivery::version_of(out.offer.files);
  delivery::check_offer(out.offer, "'" + folder.string() + "'");
  for (const auto& file : out.offer.files) {
    struct stat info {};
    if (lstat((folder / file.path).c_str(), &info) == 0)
      out.files[file.sha256] = {.path = folder / file.path, .size_bytes = file.size_bytes, .at_ns = changed_ns(info), .inode = info.st_ino};
  }
  return out;
}

/// Under refreshing_.
void Packages::look_at(const fs::path& folder, bool is_asked_for) {
  const auto name = folder.filename().string();
  const auto state = folder_state(folder);
  const auto before = std::exchange(seen_[name], state);
  {
    const std::lock_guard lock(mutex_);
    const auto found = packages_.find(name);
    if (found != packages_.end() && found->second.state == state) return;
  }
  if ((before != state && !is_asked_for) || refused_[name] == state) return;  // it may be half copied
  try {
    auto package = read_package(folder, state);
    if (folder_state(folder) != state) return;  // replaced meanwhile: the next look tells
    if (const auto model = missing(package); !model.empty())
      log::warning("[server] package '" + name + "' is offered once model '" + model + "' with sha256 " + package.needs.at(model).substr(0, 12) +
                   " is served");
    log::info("[server] package '" + name + "' is version " + package.offer.version.substr(0, 12) + " (" + package.offer.candidate + ", " +
              format_bytes(static_cast<double>(package.offer.size_bytes())) + ")");
    const std::lock_guard lock(mutex_);
    packages_[name] = std::move(package);
    refused_.erase(name);
  } catch (const std::exception& e) {
    refused_[name] = state;
    log::error("[server] package '" + name + "' is not offered: " + e.what());
    const std::lock_guard lock(mutex_);
    packages_.erase(name);
  }
}

bool Packages::is_served(const std::string& model, const std::string& sha256) const {
  const auto versions = repository_.loaded(model);
  return std::any_of(versions.begin(), versions.end(), [&](const auto& version) { return version->interface().sha256 == sha256; });
}

std::string Packages::missing(const Package& package) const {
  const auto it = std::find_if(package.needs.begin(), package.needs.end(), [&](const auto& need) { return !is_served(need.first, need.second); });
  return it == package.needs.end() ? "" : it->first;
}

bool Packages::is_allowed(const Package& package, const std::function<bool(const std::string& model)>& may_use) {
  if (package.needs.empty()) return may_use(package.offer.name);
  return std::all_of(package.needs.begin(), package.needs.end(), [&](const auto& need) { return may_use(need.first); });
}

std::vector<delivery::Offer> Packages::offers(const std::function<bool(const std::string& model)>& may_use) const {
  std::vector<delivery::Offer> out;
  const std::lock_guard lock(mutex_);
  for (const auto& [name, package] : packages_)
    if (is_allowed(package, may_use) && missing(package).empty()) out.push_back(package.offer);
  return out;
}

std::unique_ptr<PackageFileReader> Packages::open(const std::string& sha256, const std::function<bool(const std::string& model)>& may_use) const {
  KnownFile known;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, package] : packages_) {
      if (!is_allowed(package, may_use)) continue;
      if (const auto found = package.files.find(sha256); found != package.files.end()) known = found->second;
    }
  }
  if (known.path.empty()) throw Refusal(Code::kNotFound, "no package has a file with sha256 " + printable(sha256) + "; ask for the packages again");
  auto reader = std::make_unique<PackageFileReader>(::open(known.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat info {};
  if (reader->file.get() < 0 || fstat(reader->file.get(), &info) != 0 || info.st_size != known.size_bytes || changed_ns(info) != known.at_ns ||
      info.st_ino != known.inode)
    throw Refusal(Code::kUnavailable, "the package of file " + sha256.substr(0, 12) + " is being replaced; ask for the packages again");
  reader->size_bytes = known.size_bytes;
  reader->at_ns = known.at_ns;
  return reader;
}

}  // namespace scissionlite::server
