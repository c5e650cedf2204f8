// Where the time of an engine goes, as bars: the steps by time, and what computes them.
#include <algorithm>
#include <numeric>

#include "report/view.h"

namespace scissionlite::report {
namespace {

std::string family_of(const std::string& implementation) { return implementation.substr(0, implementation.find(' ')); }

/// Which families there are, the one with most time first.
std::vector<ExplainFamily> families_of(const std::vector<ExplainedStep>& steps) {
  std::vector<ExplainFamily> families;
  for (const auto& step : steps) {
    const auto name = family_of(step.implementation);
    const auto it = std::find_if(families.begin(), families.end(), [&](const auto& family) { return family.name == name; });
    if (it == families.end()) families.push_back({name, step.median_us, 1});
    else it->us += step.median_us, ++it->steps;
  }
  std::stable_sort(families.begin(), families.end(), [](const auto& a, const auto& b) { return a.us > b.us; });
  return families;
}

}  // namespace

ExplainView make_explain_view(const Explained& explained) {
  ExplainView view{.explained = explained, .families = families_of(explained.steps)};
  for (const auto& step : explained.steps) {
    const auto name = family_of(step.implementation);
    const auto family = std::find_if(view.families.begin(), view.families.end(), [&](const auto& f) { return f.name == name; });
    view.family_of_step.push_back(static_cast<size_t>(family - view.families.begin()));
    view.sum_us += step.median_us;
    view.macs += step.macs;
  }
  view.by_time.resize(explained.steps.size());
  std::iota(view.by_time.begin(), view.by_time.end(), size_t{0});
  std::stable_sort(view.by_time.begin(), view.by_time.end(),
                   [&](size_t a, size_t b) { return explained.steps[a].median_us > explained.steps[b].median_us; });
  return view;
}

}  // namespace scissionlite::report
