// What the fuzz targets of the JSON files share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iostream>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"

/// Reads the text as a file of `read(json, where)`. Refusals must be InvalidArgument; what was accepted must come out the
/// same when it is written, read and written once more.
template <typename Read>
int check_json_file(const uint8_t* data, size_t size, Read&& read) {
  using namespace scissionlite;  // NOLINT: a test
  std::string once;
  try {
    once = to_json(read(parse_json({reinterpret_cast<const char*>(data), size}, "fuzz"), std::string("fuzz"))).dump();
  } catch (const InvalidArgument&) { return 0; }
  const std::string twice = to_json(read(parse_json(once, "again"), std::string("again"))).dump();  // must not throw
  if (twice == once) return 0;
  std::cerr << "written:       " << once << "\nread, written: " << twice << "\n";
  __builtin_trap();
}
