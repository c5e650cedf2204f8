#include "tune/measure.h"

#include <sstream>

namespace scissionlite::tune {
namespace {

/// Between processes that share their addresses.
std::string question_of(const kernels::ConvChoice& choice) {
  std::ostringstream out;
  out << reinterpret_cast<uintptr_t>(choice.implementation);
  for (const auto& [name, value] : choice.knobs) out << " " << name << " " << value;
  return out.str();
}

kernels::ConvChoice choice_of(const std::string& question) {
  std::istringstream in(question);
  uintptr_t address = 0;
  in >> address;
  kernels::ConvChoice choice{reinterpret_cast<const kernels::ConvImplementation*>(address), {}};
  std::string name;
  for (int64_t value = 0; in >> name >> value;) choice.knobs[name] = value;
  return choice;
}

}  // namespace

Measurer::Measurer(const ConvWithEnd& conv, const MeasureOptions& options) {
  const auto make = [conv, options]() -> Child::Serve {
    const auto trial = std::make_shared<Trial>(conv, options.trial);
    return [trial](const std::string& question) { return std::to_string(trial->run(choice_of(question))); };
  };
  child_ = std::make_unique<Child>(make, options.limits);
}

Outcome Measurer::measure(const kernels::ConvChoice& choice) {
  const auto reply = child_->ask(question_of(choice));
  if (!reply.failure.empty()) return {0, reply.failure};
  return {std::stod(reply.answer), ""};
}

}  // namespace scissionlite::tune
