// Addresses as users give them: HOST:PORT.
#pragma once

#include <string>
#include <utility>

namespace scissionlite {

/// "host:port" or "[::1]:port". @throws InvalidArgument saying what was expected.
[[nodiscard]] std::pair<std::string, std::string> split_address(const std::string& address);

/// The same with a port from `least_port` (0: any free one, to listen on) to 65535. @param what  the address is: "--edge", "the target".
[[nodiscard]] std::pair<std::string, int> parse_address(const std::string& address, const std::string& what, int least_port = 1);

}  // namespace scissionlite
