// Where a device keeps packages: files by their hash, so that what two versions share is fetched and kept once.
//
//   store.json           which version is in use, which was before, which is tried, which were rejected
//   files/<sha256>       whole files, checked and flushed before they get this name
//   partial/<sha256>     files that are being fetched
//   packages/<version>/  packages, whose files are further names of those in files/; <version>.json beside each lists them
//   trial                there while a version is tried
//   lock                 held by the process that uses the store
// A folder or file named *.new is unfinished. Power may be lost at any moment: what store.json names is whole and flushed before it is named.
// The version in use, the one before and one that is tried are kept, all others removed.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "delivery/disk.h"
#include "delivery/listing.h"

namespace scissionlite::delivery {

struct Rejection {
  std::string version, reason;
  std::string tried_with;  // what decided beside the version, in the words of who tried it; "": not known
};

/// store.json ("scissionlite.store/1").
struct StoreState {
  std::string current, previous;    // "": none
  std::string trying;               // the last that was tried, and neither accepted nor rejected
  std::string trying_with;          // as of a rejection
  bool is_trying = false;           // found at a start: the process ended meanwhile
  int64_t tries = 0;                // of `trying`, with `trying_with`, that ended so
  std::vector<Rejection> rejected;  // the last kMostRejections
};
inline constexpr size_t kMostRejections = 16;
inline constexpr int64_t kMostTries = 2;

/// One thread at a time.
class Store {
 public:
  /// Takes the lock, and puts right what a process that was ended has left: a version under whose trial it ended kMostTries times is rejected.
  /// @throws ResourceError: it cannot be written, or another process uses it.
  explicit Store(fs::path folder, Disk& disk = Disk::real());

  [[nodiscard]] const fs::path& folder() const { return folder_; }
  [[nodiscard]] const StoreState& state() const { return state_; }
  [[nodiscard]] fs::path package(const std::string& version) const { return folder_ / "packages" / version; }
  /// nullopt: not installed.
  [[nodiscard]] std::optional<Offer> installed(const std::string& version) const;
  /// "" when every byte of an installed version is as listed; else why not, and what is damaged was removed, so that it is fetched again (it stays
  /// where the store cannot be written). @throws ResourceError: out of descriptors or memory, which says nothing of the version.
  [[nodiscard]] std::string damage(const std::string& version);
  /// Why it was rejected; nullptr: it was not.
  [[nodiscard]] const Rejection* rejection(const std::string& version) const;

  /// Before the files of an offer are fetched: removes what was begun of others. @return bytes that are missing.
  /// @throws ResourceError: the disk has no room for them, not even without the previous version.
  int64_t begin(const Offer& offer);
  [[nodiscard]] bool has(const PackageFile& file) const;
  /// The same once it is read through: one whose bytes are others by now is removed. Cost: reads the file.
  [[nodiscard]] bool has_whole(const PackageFile& file);
  /// Of a file that is being fetched.
  [[nodiscard]] fs::path partial(const PackageFile& file) const { return folder_ / "partial" / file.sha256; }
  [[nodiscard]] int64_t partial_bytes(const PackageFile& file) const;
  void append(const PackageFile& file, std::string_view bytes) { disk_.append(partial(file), bytes); }
  void discard(const PackageFile& file) { disk_.remove(partial(file)); }
  /// The whole file is there, and its hash is right.
  void complete(const PackageFile& file);
  /// All files are there. Not in use yet. One that is installed already is read through, and made anew where it is damaged.
  void install(const Offer& offer);

  void begin_trial(const std::string& version, const std::string& with = "");
  // Whatever ends a trial first takes the mark away, which needs no room: where store.json cannot be written then, no later start takes it for a
  // crash.
  /// From now on it is the one in use, and the one before is kept.
  void accept(const std::string& version);
  /// The one in use stays.
  void reject(const std::string& version, const std::string& reason);
  /// Neither: it could not be tried now.
  void end_trial();
  /// No version counts as rejected any more.
  void pardon();
  /// It is damaged and no longer there.
  void forget(const std::string& version);

 private:
  void lock();
  void recover();
  void count_try();
  [[nodiscard]] fs::path trial_mark() const { return folder_ / "trial"; }
  [[nodiscard]] std::string newest_installed() const;
  /// The installed files of an offer are as it lists them.
  [[nodiscard]] bool is_whole(const Offer& offer) const;
  void write(StoreState state);
  [[nodiscard]] std::set<std::string> kept_versions() const;
  /// Removes packages that are not kept. What cannot be removed now can be later.
  void collect_packages();
  /// And files that no kept version needs, nor the one that is being pulled.
  void collect(const Offer* pulled = nullptr);
  [[nodiscard]] int64_t missing_bytes(const Offer& offer) const;

  const fs::path folder_;
  Disk& disk_;
  std::unique_ptr<Descriptor> lock_;
  StoreState state_;
};

}  // namespace scissionlite::delivery
