// Any text is a trace.json or an InvalidArgument; an accepted one is written as one that can be read.
#include "json_file.h"
#include "simulate/trace.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace scissionlite;
  std::string once;
  try {
    once = to_json(simulate::trace_from_json(parse_json({reinterpret_cast<const char*>(data), size}, "fuzz"), "fuzz")).dump();
  } catch (const InvalidArgument&) { return 0; }
  (void)simulate::trace_from_json(parse_json(once, "again"), "again");  // rates and times are written rounded
  return 0;
}
