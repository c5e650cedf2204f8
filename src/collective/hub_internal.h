// What both ends of a hub have in common.
#pragma once

namespace scissionlite {

constexpr int kHubProtocol = 2;

}  // namespace scissionlite
