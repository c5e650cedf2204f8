// Any text is a tuning.json or an InvalidArgument; an accepted one survives writing and reading, and merging it with itself changes nothing.
#include "json_file.h"
#include "tune/database.h"

namespace {

using namespace scissionlite;

tune::Database checked_database(const Json& json, const std::string& where) {
  auto database = tune::database_from_json(json, where);
  auto merged = database;
  merged.merge(database);
  if (to_json(merged) != to_json(database)) __builtin_trap();
  return database;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) { return check_json_file(data, size, checked_database); }
