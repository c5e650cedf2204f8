#pragma once

namespace scissionlite {
inline constexpr char kVersion[] = "0.1.0";
}
