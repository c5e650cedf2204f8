// When a refused request may be worth another try: from a millisecond to a minute, whatever was reckoned.
#pragma once

#include <algorithm>

namespace scissionlite::server {

inline constexpr double kFirstGuessUs = 50e3;  // of how long a request takes, before one has ended

[[nodiscard]] inline double retry_hint_us(double reckoned_us) { return std::clamp(reckoned_us, 1e3, 60e6); }

}  // namespace scissionlite::server
