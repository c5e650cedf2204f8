// Cases of passes: small graphs with the number of rewrites that the pass makes of them, 0 where it must leave them alone.
#pragma once

#include <string>
#include <vector>

#include "optimise/test_graphs.h"

namespace scissionlite::testing_graphs {

struct Case {
  std::string pass, what;
  int rewrites;
  void (*make)(Maker&);
  int64_t opset = 13;
};

std::vector<Case> cleaning_cases();
std::vector<Case> folding_cases();
std::vector<Case> recognising_cases();
std::vector<Case> transposed_cases();
std::vector<Case> fusing_cases();
std::vector<Case> quantised_cases();

inline std::vector<Case> all_cases() {
  std::vector<Case> out;
  for (const auto& list : {cleaning_cases(), folding_cases(), recognising_cases(), transposed_cases(), fusing_cases(), quantised_cases()})
    out.insert(out.end(), list.begin(), list.end());
  return out;
}

}  // namespace scissionlite::testing_graphs
