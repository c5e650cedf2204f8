// Programs that measure convolutions of a list: PROGRAM LIST.txt [--NAME NUMBER ...], lines of the list "conv PROBLEM WORDS...".
#pragma once

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

#include "kernels/conv/conv.h"

namespace scissionlite {

/// Numbers by the names that `defaults` has; false where a name is not among them or has no number behind it.
inline bool read_numbers(int argc, char** argv, std::map<std::string, int>& numbers) {
  for (int i = 2; i < argc; i += 2) {
    const auto known = numbers.find(argv[i]);
    if (known == numbers.end() || i + 1 == argc) return false;
    known->second = std::atoi(argv[i + 1]);
  }
  return true;
}

/// Reads a program's words: opens the list and sets the numbers. False, and the usage said, where a word is unknown, there is no list, or the numbers
/// are not valid.
inline bool read_command(int argc, char** argv, const char* usage, std::map<std::string, int>& numbers, std::ifstream& list,
                         const std::function<bool()>& are_valid) {
  const bool is_understood = read_numbers(argc, argv, numbers);
  list.open(argc > 1 ? argv[1] : "");
  if (list && is_understood && are_valid()) return true;
  std::cerr << "usage: " << usage << "\n";
  return false;
}

/// Calls `measure` for each convolution of the list, with the rest of its line.
inline void for_each_problem(std::istream& list, const std::function<void(const kernels::ConvProblem&, std::istringstream&)>& measure) {
  for (std::string line; std::getline(list, line);) {
    std::istringstream words(line);
    std::string kind, problem;
    if (words >> kind >> problem && kind == "conv") measure(kernels::parse_problem("conv " + problem), words);
  }
}

/// What a program's main does: `run`, and 1 with a message where it throws.
inline int main_of(const char* name, int (*run)(int, char**), int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::cerr << name << ": error: " << e.what() << "\n";
    return 1;
  }
}

}  // namespace scissionlite
