#include "delivery/store.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "base/error.h"
#include "base/hash_file.h"
#include "base/log.h"
#include "base/text.h"

namespace scissionlite::delivery {
namespace {

constexpr int64_t kMarginBytes = 1 << 20;  // beyond the files: lists, names

Json to_json(const StoreState& state) {
  Json json{{"schema", "scissionlite.store/1"}, {"current", state.current},     {"previous", state.previous}, {"trying", state.trying},
            {"trying_with", state.trying_with}, {"is_trying", state.is_trying}, {"tries", state.tries},       {"rejected", Json::array()}};
  for (const auto& rejection : state.rejected)
    json["rejected"].push_back({{"version", rejection.version}, {"reason", rejection.reason}, {"tried_with", rejection.tried_with}});
  return json;
}

/// A version is part of a path.
std::string version_in(const JsonReader& json, const std::string& key) {
  auto version = json.text_or(key, "");
  if (!version.empty() && !is_sha256(version)) json.at(key).fail("64 hex digits, or \"\"");
  return version;
}

StoreState state_from_json(const Json& json, const std::string& where) {
  const JsonReader reader(json, where);
  StoreState state{.current = version_in(reader, "current"),
                   .previous = version_in(reader, "previous"),
                   .trying = version_in(reader, "trying"),
                   .trying_with = reader.text_or("trying_with", ""),
                   .is_trying = reader.boolean_or("is_trying", false),
                   .tries = reader.integer_or("tries", 0),
                   .rejected = {}};
  if (reader.has("rejected"))
    for (const auto& one : reader.at("rejected").elements())
      state.rejected.push_back(
          {.version = version_in(one, "version"), .reason = one.text_or("reason", ""), .tried_with = one.text_or("tried_with", "")});
  return state;
}

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::error_code error;
  return list_folder(folder, error);
}

int64_t size_of(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  return error ? -1 : static_cast<int64_t>(size);
}

bool is_shortage(int reason) { return reason == EMFILE || reason == ENFILE || reason == ENOMEM; }

/// "" where a file has the bytes that are listed, else why not. @throws ResourceError: this process is short of something, which says nothing of it.
std::string damage_of(const fs::path& path, const std::string& sha256) {
  Sha256 hash;
  std::vector<char> buffer;
  errno = 0;
  if (!hash_file(hash, path, buffer)) {
    const int reason = errno;
    const auto what = "'" + path.string() + "' cannot be read: " + std::strerror(reason);
    if (is_shortage(reason)) throw ResourceError("[delivery] " + what + "; free some, or raise the limit");
    return what;
  }
  const auto given = hash.hex();
  return given == sha256 ? "" : "'" + path.string() + "' has sha256 " + given + ", expected " + sha256;
}

}  // namespace

Store::Store(fs::path folder, Disk& disk) : folder_(std::move(folder)), disk_(disk) {
  for (const char* part : {"files", "partial", "packages"}) disk_.make_folder(folder_ / part);
  lock();
  recover();
}

void Store::lock() {
  const auto path = folder_ / "lock";
  lock_ = std::make_unique<Descriptor>(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (lock_->get() < 0 && (errno == EROFS || errno == EACCES))
    lock_ = std::make_unique<Descriptor>(open(path.c_str(), O_RDONLY | O_CLOEXEC));  // what it holds can still be run
  if (lock_->get() < 0)
    throw ResourceError("[delivery] cannot write '" + path.string() + "': " + std::strerror(errno) +
                        "; choose a folder that can be written with --store");
  if (flock(lock_->get(), LOCK_EX | LOCK_NB) != 0)
    throw ResourceError("[delivery] the store '" + folder_.string() + "' is in use by another process; end it, or give this one another --store");
}

void Store::recover() {
  const auto path = folder_ / "store.json";
  if (fs::exists(path)) {
    try {
      state_ = state_from_json(read_json(path, "store", 1), path.string());
    } catch (const InvalidArgument& e) {  // files are kept by their hash: a pull takes what is there
      state_.previous = newest_installed();
      log::error("[delivery] the store is begun anew" + (state_.previous.empty() ? "" : " with version " + state_.previous.substr(0, 12)) + ": " +
                 e.what());
      return;
    }
  }
  std::error_code error;
  if (!fs::exists(trial_mark(), error)) state_.is_trying = false;  // it ended, and only store.json could not be written
  try {
    count_try();
  } catch (const ResourceError& e) {
    log::error(std::string("[delivery] the store is used as it is: ") + e.what());
    state_.is_trying = false;
    return;
  }
  collect_packages();  // not files: those of a version that was being pulled are not fetched again
}

/// The process ended while it tried a version.
void Store::count_try() {
  if (!state_.is_trying) return;
  auto state = state_;
  state.is_trying = false;
  if (++state.tries >= kMostTries) return reject(state_.trying, "the process ended " + std::to_string(kMostTries) + " times while it was tried");
  write(std::move(state));
  disk_.remove(trial_mark());
}

/// "" where there is none.
std::string Store::newest_installed() const {
  std::string newest;
  fs::file_time_type newest_time = fs::file_time_type::min();
  for (const auto& path : entries_of(folder_ / "packages")) {
    std::error_code error;
    const auto time = fs::last_write_time(path, error);
    if (error || time < newest_time || !installed(path.filename().string())) continue;
    newest = path.filename().string(), newest_time = time;
  }
  return newest;
}

void Store::write(StoreState state) {
  replace_file(disk_, folder_ / "store.json", to_json(state).dump(2) + "\n");
  state_ = std::move(state);
}

std::optional<Offer> Store::installed(const std::string& version) const {
  if (!is_sha256(version)) return std::nullopt;
  auto path = package(version);
  if (!fs::is_directory(path)) return std::nullopt;
  path += ".json";
  try {
    auto offer = offer_from_json(parse_json(read_file(path), path.string()), path.string());
    if (offer.version == version) return offer;
  } catch (const Error& e) { log::warning("[delivery] an installed package is not used: " + std::string(e.what())); }
  return std::nullopt;
}

std::string Store::damage(const std::string& version) {
  const auto offer = installed(version);
  if (!offer) return "it is not in the store";
  for (const auto& file : offer->files) {
    auto what = damage_of(package(version) / file.path, file.sha256);
    if (what.empty()) continue;
    try {
      disk_.remove(package(version));
      disk_.remove(folder_ / "files" / file.sha256);
    } catch (const ResourceError& e) { log::warning(std::string("[delivery] what is damaged stays: ") + e.what()); }
    return what;
  }
  return "";
}

bool Store::is_whole(const Offer& offer) const {
  return std::all_of(offer.files.begin(), offer.files.end(),
                     [&](const auto& file) { return damage_of(package(offer.version) / file.path, file.sha256).empty(); });
}

const Rejection* Store::rejection(const std::string& version) const {
  const auto found = std::find_if(state_.rejected.begin(), state_.rejected.end(), [&](const auto& r) { return r.version == version; });
  return found == state_.rejected.end() ? nullptr : &*found;
}

bool Store::has(const PackageFile& file) const { return size_of(folder_ / "files" / file.sha256) == file.size_bytes; }

bool Store::has_whole(const PackageFile& file) {
  if (!has(file)) return false;
  const auto path = folder_ / "files" / file.sha256;
  const auto damage = damage_of(path, file.sha256);
  if (damage.empty()) return true;
  log::warning("[delivery] fetched again, it is damaged: " + damage);
  disk_.remove(path);
  return false;
}

int64_t Store::partial_bytes(const PackageFile& file) const { return std::max<int64_t>(0, size_of(partial(file))); }

int64_t Store::missing_bytes(const Offer& offer) const {
  int64_t bytes = 0;
  std::set<std::string> counted;
  for (const auto& file : offer.files)
    if (!has(file) && counted.insert(file.sha256).second) bytes += std::max<int64_t>(0, file.size_bytes - partial_bytes(file));
  return bytes;
}

int64_t Store::begin(const Offer& offer) {
  const auto is_wanted = [&](const fs::path& path) {
    return std::any_of(offer.files.begin(), offer.files.end(), [&](const auto& file) { return file.sha256 == path.filename(); });
  };
  for (const auto& path : entries_of(folder_ / "partial"))
    if (!is_wanted(path)) disk_.remove(path);
  collect(&offer);
  const int64_t needed = missing_bytes(offer);
  const auto has_room = [&] {
    std::error_code error;
    const auto space = fs::space(folder_, error);
    return error || space.available >= static_cast<uintmax_t>(needed + kMarginBytes);
  };
  if (!has_room() && !state_.previous.empty()) {
    log::warning("[delivery] the disk is nearly full: the previous version is removed from '" + folder_.string() + "'");
    auto state = state_;
    state.previous.clear();
    write(std::move(state));
    collect(&offer);
  }
  if (!has_room())
    throw ResourceError("[delivery] '" + folder_.string() + "' has no room for " + format_bytes(static_cast<double>(needed)) + " of package '" +
                        offer.name + "'; free some space, or choose another --store");
  return needed;
}

void Store::complete(const PackageFile& file) {
  disk_.sync(partial(file));
  disk_.rename(partial(file), folder_ / "files" / file.sha256);
  disk_.sync(folder_ / "files");
}

void Store::install(const Offer& offer) {
  if (installed(offer.version) && is_whole(offer)) return;  // else its files are other ones by now than those that were fetched again
  const auto target = package(offer.version);
  auto fresh = target;
  fresh += ".new";
  disk_.remove(fresh);
  disk_.remove(target);
  disk_.make_folder(fresh);
  std::set<fs::path> folders{fresh};
  for (const auto& file : offer.files) {
    const auto path = fresh / file.path;
    for (auto folder = path.parent_path(); folders.insert(folder).second; folder = folder.parent_path()) disk_.make_folder(folder);  // up to `fresh`
    disk_.link(folder_ / "files" / file.sha256, path);
  }
  for (const auto& path : folders) disk_.sync(path);
  auto list = target;
  list += ".json";
  replace_file(disk_, list, delivery::to_json(offer).dump(2) + "\n");
  disk_.rename(fresh, target);
  disk_.sync(folder_ / "packages");
}

void Store::begin_trial(const std::string& version, const std::string& with) {
  disk_.append(trial_mark(), "");  // flushed with the name of store.json
  auto state = state_;
  if (state.trying != version || state.trying_with != with) state.tries = 0;
  state.trying = version, state.trying_with = with;
  state.is_trying = true;
  write(std::move(state));
}

void Store::end_trial() {
  disk_.remove(trial_mark());
  auto state = state_;
  state.is_trying = false;
  write(std::move(state));
}

void Store::accept(const std::string& version) {
  disk_.remove(trial_mark());
  auto state = state_;
  if (state.current != version) state.previous = std::exchange(state.current, version);
  state.trying.clear(), state.trying_with.clear();
  state.is_trying = false;
  state.tries = 0;
  std::erase_if(state.rejected, [&](const auto& r) { return r.version == version; });
  write(std::move(state));
  collect();
}

void Store::reject(const std::string& version, const std::string& reason) {
  disk_.remove(trial_mark());
  auto state = state_;
  std::erase_if(state.rejected, [&](const auto& r) { return r.version == version; });
  state.rejected.push_back({version, reason, state.trying == version ? state.trying_with : ""});
  if (state.rejected.size() > kMostRejections) state.rejected.erase(state.rejected.begin());
  state.trying.clear(), state.trying_with.clear();
  state.is_trying = false;
  state.tries = 0;
  write(std::move(state));
  collect();
}

void Store::pardon() {
  if (state_.rejected.empty()) return;
  auto state = state_;
  state.rejected.clear();
  write(std::move(state));
}

void Store::forget(const std::string& version) {
  auto state = state_;
  if (state.previous == version) state.previous.clear();
  if (state.current == version) state.current = std::exchange(state.previous, "");
  write(std::move(state));
}

std::set<std::string> Store::kept_versions() const { return {state_.current, state_.previous, state_.trying}; }

void Store::collect_packages() {
  try {
    const auto kept = kept_versions();
    for (const auto& path : entries_of(folder_ / "packages"))
      if (kept.count(path.filename().string()) == 0 && (path.extension() != ".json" || kept.count(path.stem().string()) == 0)) disk_.remove(path);
  } catch (const ResourceError& e) { log::warning(std::string("[delivery] old versions stay: ") + e.what()); }
}

void Store::collect(const Offer* pulled) {
  collect_packages();
  try {
    std::set<std::string> files;
    const auto keep = [&](const Offer& offer) {
      for (const auto& file : offer.files) files.insert(file.sha256);
    };
    for (const auto& version : kept_versions())
      if (const auto offer = installed(version)) keep(*offer);
    if (pulled) keep(*pulled);
    for (const auto& path : entries_of(folder_ / "files"))
      if (files.count(path.filename().string()) == 0) disk_.remove(path);
  } catch (const ResourceError& e) { log::warning(std::string("[delivery] old versions stay: ") + e.what()); }
}

}  // namespace scissionlite::delivery
