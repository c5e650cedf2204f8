// Programs that measure fully connected layers of one row whose weights are streamed from memory: PROGRAM INPUTSxOUTPUTS ... [--mb N] [--rounds N].
// Each way has as many copies of its weights as fill --mb megabytes with those of all others, more than caches hold; ways and copies take turns, so
// that each run reads its weights from memory, and each copy was read once before it counts. CPU time of the thread.
#pragma once

#include <omp.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/json.h"

namespace scissionlite {

/// A way to compute the layer, with weights in several places that take turns.
struct StreamedWay {
  std::string name;
  double weight_bytes = 0;  // that a run has to read
  std::vector<std::function<void()>> copies = {};
  size_t next = 0;
  std::vector<double> us = {};
  void run() {
    const double start = thread_cpu_us();
    copies[next++ % copies.size()]();
    us.push_back(thread_cpu_us() - start);
  }
};

/// Copies of each way that are `megabytes` together.
inline int64_t copies_of(const std::vector<StreamedWay>& ways, double megabytes) {
  double bytes = 0;
  for (const auto& way : ways) bytes += way.weight_bytes;
  return static_cast<int64_t>(std::ceil(megabytes * 1e6 / bytes));
}

/// Each copy once that does not count, then `rounds` turns, or one of each copy where these are more.
inline void take_turns(std::vector<StreamedWay>& ways, int64_t copies, int rounds) {
  for (int64_t round = -copies; round < std::max<int64_t>(rounds, copies); ++round)
    for (auto& way : ways) {
      if (round == 0) way.us.clear();
      way.run();
    }
}

/// Reads a program's words and prints what `compare` gives of each layer (inputs, outputs, megabytes, rounds), a JSON line each. @return its exit
/// status.
inline int compare_layers(const char* name, int argc, char** argv, const std::function<Json(int64_t, int64_t, double, int)>& compare) {
  double megabytes = 1024;
  int rounds = 31;
  std::vector<std::pair<int64_t, int64_t>> layers;
  bool is_understood = true;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    int64_t k = 0, n = 0;
    if (word == "--mb" && i + 1 < argc) megabytes = std::atof(argv[++i]);
    else if (word == "--rounds" && i + 1 < argc) rounds = std::atoi(argv[++i]);
    else if (std::sscanf(word.c_str(), "%ldx%ld", &k, &n) == 2 && k > 0 && n > 0) layers.emplace_back(k, n);
    else is_understood = false;
  }
  if (!is_understood || layers.empty() || megabytes <= 0 || rounds < 1) {
    std::cerr << "usage: " << name << " INPUTSxOUTPUTS ... [--mb N] [--rounds N]\n";
    return 2;
  }
  omp_set_num_threads(1);
  for (const auto& [k, n] : layers) std::cout << compare(k, n, megabytes, rounds).dump() << std::endl;
  return 0;
}

}  // namespace scissionlite
