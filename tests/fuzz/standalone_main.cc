// Runs a fuzz target where libFuzzer is not at hand: mutates seed files deterministically and counts the runs.
//   <target> [SEED_FILE_OR_FOLDER ...] [--seconds N] [--runs N] [--seed S] [--max-bytes N]
// The seeds themselves run first. An input that crashes, hangs or takes over 4 GiB is written to crash-<target> in the
// current folder; give that file as the only seed with --runs 0 to see it again.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/rng.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using scissionlite::Rng;
namespace fs = std::filesystem;

constexpr unsigned kLongestRunS = 30;
constexpr rlim_t kMostMemoryBytes = rlim_t{4} << 30;

struct Options {
  double seconds = 2;
  uint64_t runs = UINT64_MAX, seed = 1;
  size_t max_bytes = 1 << 20;
  std::vector<fs::path> paths;
};

// What a signal handler needs: plain memory only.
const char* current_data = nullptr;
size_t current_size = 0;
char crash_name[256] = "crash-input";

void write_all(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t n = ::write(fd, data, size);
    if (n <= 0) return;
    data += n, size -= static_cast<size_t>(n);
  }
}

void on_crash(int signal) {
  const int fd = ::open(crash_name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd >= 0) write_all(fd, current_data, current_size);
  const char* reason = signal == SIGALRM ? "one run took too long; its input is in " : "a run crashed; its input is in ";
  write_all(STDERR_FILENO, reason, std::strlen(reason));
  write_all(STDERR_FILENO, crash_name, std::strlen(crash_name));
  write_all(STDERR_FILENO, "\n", 1);
  std::signal(signal, SIG_DFL);
  signal == SIGALRM ? std::_Exit(1) : static_cast<void>(std::raise(signal));
}

void guard(const char* program) {
  std::snprintf(crash_name, sizeof crash_name, "crash-%s", fs::path(program).filename().c_str());
  for (const int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGILL, SIGALRM, SIGTRAP}) std::signal(signal, on_crash);
#ifndef SCISSIONLITE_SANITIZED  // sanitizers reserve terabytes of addresses
  const rlimit limit{kMostMemoryBytes, kMostMemoryBytes};
  ::setrlimit(RLIMIT_AS, &limit);
#endif
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// Files of all paths in name order; larger ones are left out.
std::vector<std::string> read_seeds(const Options& options) {
  std::vector<fs::path> files;
  for (const auto& path : options.paths) {
    if (!fs::is_directory(path)) files.push_back(path);
    else
      for (const auto& entry : fs::recursive_directory_iterator(path))
        if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> seeds;
  for (const auto& file : files)
    if (auto bytes = read(file); bytes.size() <= options.max_bytes) seeds.push_back(std::move(bytes));
  if (seeds.empty()) seeds.emplace_back();
  return seeds;
}

/// A number that sits on an edge: of a byte, a sign, a size.
uint64_t interesting(Rng& rng) {
  const uint64_t edge = uint64_t{1} << rng.below(64);
  const uint64_t choices[] = {0, 1, UINT64_MAX, edge, edge - 1, ~edge, 0x7fffffff, 0xffffffff, 16, 100};
  return choices[rng.below(std::size(choices))];
}

void put_number(std::string& bytes, Rng& rng) {
  const size_t size = size_t{1} << rng.below(4);
  if (bytes.size() < size) return;
  const uint64_t value = interesting(rng);
  const size_t at = rng.below(bytes.size() - size + 1);
  const bool little = rng.below(2) == 0;
  for (size_t i = 0; i < size; ++i) bytes[at + i] = static_cast<char>(value >> 8 * (little ? i : size - 1 - i));
}

/// A part of `from`, at most 64 bytes in most cases.
std::string some_part(const std::string& from, Rng& rng) {
  if (from.empty()) return std::string(1, static_cast<char>(rng.next()));
  const size_t at = rng.below(from.size()), most = rng.below(8) == 0 ? from.size() - at : std::min<size_t>(64, from.size() - at);
  return from.substr(at, 1 + rng.below(most));
}

/// Changes a run of digits into another number, which text formats survive.
void change_digits(std::string& bytes, Rng& rng) {
  if (bytes.empty()) return;
  const size_t at = bytes.find_first_of("0123456789", rng.below(bytes.size()));
  if (at == std::string::npos) return;
  const size_t end = std::min(bytes.find_first_not_of("0123456789", at), bytes.size());
  bytes.replace(at, end - at, std::to_string(static_cast<int64_t>(interesting(rng))));
}

/// The beginning of one file and the end of another.
void splice(std::string& bytes, size_t at, const std::string& other) { bytes.resize(at), bytes += other.substr(std::min(at, other.size())); }

void mutate_once(std::string& bytes, const std::vector<std::string>& seeds, Rng& rng) {
  const size_t size = bytes.size(), at = size == 0 ? 0 : rng.below(size);
  switch (rng.below(9)) {
    case 0:
      if (size > 0) bytes[at] = static_cast<char>(bytes[at] ^ 1 << rng.below(8));
      break;
    case 1:
      if (size > 0) bytes[at] = static_cast<char>(rng.next());
      break;
    case 2: put_number(bytes, rng); break;
    case 3: bytes.resize(at); break;
    case 4: bytes.erase(at, 1 + rng.below(32)); break;
    case 5: bytes.insert(at, some_part(bytes, rng)); break;
    case 6: bytes.insert(at, some_part(seeds[rng.below(seeds.size())], rng)); break;
    case 7: splice(bytes, at, seeds[rng.below(seeds.size())]); break;
    default: change_digits(bytes, rng);
  }
}

std::string mutate(const std::vector<std::string>& seeds, size_t max_bytes, Rng& rng) {
  std::string bytes = seeds[rng.below(seeds.size())];
  for (uint64_t i = 0, n = 1 + rng.below(5); i < n; ++i) mutate_once(bytes, seeds, rng);
  if (bytes.size() > max_bytes) bytes.resize(max_bytes);
  return bytes;
}

void run(const std::string& bytes) {
  const std::vector<uint8_t> exact(bytes.begin(), bytes.end());  // no byte behind the last one
  current_data = bytes.data(), current_size = bytes.size();
  ::alarm(kLongestRunS);
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  ::alarm(0);
  current_size = 0;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool has_value = i + 1 < argc;
    if (word == "--seconds" && has_value) options.seconds = std::atof(argv[++i]);
    else if (word == "--runs" && has_value) options.runs = std::strtoull(argv[++i], nullptr, 10);
    else if (word == "--seed" && has_value) options.seed = std::strtoull(argv[++i], nullptr, 10);
    else if (word == "--max-bytes" && has_value) options.max_bytes = std::strtoull(argv[++i], nullptr, 10);
    else if (fs::exists(word)) options.paths.emplace_back(word);
    else std::cerr << argv[0] << ": no seeds at '" << word << "', and no such option\n", std::exit(2);
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const auto seeds = read_seeds(options);
  guard(argv[0]);
  using Seconds = std::chrono::duration<double>;
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return Seconds(std::chrono::steady_clock::now() - start).count(); };
  for (const auto& seed : seeds) run(seed);
  Rng rng(options.seed);
  uint64_t runs = 0;
  for (; runs < options.runs && elapsed() < options.seconds; ++runs) run(mutate(seeds, options.max_bytes, rng));
  std::cout << fs::path(argv[0]).filename().string() << ": " << seeds.size() << " seeds and " << runs << " mutations in " << elapsed()
            << " s (--seed " << options.seed << ")\n";
}
