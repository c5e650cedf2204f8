#include "base/address.h"

#include "base/error.h"

namespace scissionlite {

std::pair<std::string, std::string> split_address(const std::string& address) {
  const auto colon = address.rfind(':');
  const bool bracketed = !address.empty() && address.front() == '[';
  const auto host_end = bracketed ? address.find(']') : colon;
  if (colon == std::string::npos || host_end == std::string::npos || (bracketed && host_end + 1 != colon) || host_end == 0 ||
      colon + 1 == address.size())
    throw InvalidArgument("[net] '" + address + "' is not an address; expected HOST:PORT, as edge-1:8001 or [::1]:8001");
  const std::string host = bracketed ? address.substr(1, host_end - 1) : address.substr(0, colon);
  return {host, address.substr(colon + 1)};
}

std::pair<std::string, int> parse_address(const std::string& address, const std::string& what, int least_port) {
  constexpr int kMostPort = 65535;
  const auto [host, port] = split_address(address);
  const bool is_number = port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos;
  if (!is_number || std::stoi(port) < least_port || std::stoi(port) > kMostPort)
    throw InvalidArgument("[net] " + what + " '" + address + "'; expected HOST:PORT with a port from " + std::to_string(least_port) + " to " +
                          std::to_string(kMostPort));
  return {host, std::stoi(port)};
}

}  // namespace scissionlite
