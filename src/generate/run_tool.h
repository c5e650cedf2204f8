// A program that is run to its end.
#pragma once

#include <string>
#include <vector>

namespace scissionlite::generate {

/// Empty when it ended with 0, else the end of what it wrote to its standard error. It dies with this process. `program` is looked for
/// in PATH when it has no slash.
[[nodiscard]] std::string run_tool(const std::string& program, const std::vector<std::string>& arguments);

}  // namespace scissionlite::generate
