// Texts of problems: a word for the kind, then names and numbers without a space between: "conv mb1ic64ih56".
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace scissionlite::kernels {

/// "mb1ic64ih56" as names and values.
class ProblemFields {
 public:
  /// @param prefix   what the text begins with: "conv ".
  /// @param example  a whole text, for messages.
  /// @throws InvalidArgument with the position of what was not understood.
  ProblemFields(const std::string& text, const std::string& prefix, const std::string& example);
  /// Removes it. `fallback` where it was not given.
  [[nodiscard]] int64_t take(const std::string& name, int64_t fallback);
  /// @throws InvalidArgument for a field that nobody took.
  void finish() const;

 private:
  [[noreturn]] void fail(size_t at, const std::string& expected) const;
  size_t read(size_t at);
  std::string text_, example_;
  std::map<std::string, int64_t> fields_;
};

}  // namespace scissionlite::kernels
