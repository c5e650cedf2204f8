// Engine modules that are missing, broken, or something else: each says where it was looked for, and what to do.
#include "engine/module.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"

namespace scissionlite {
namespace {

std::string reason(const std::variant<const EngineModule*, std::string>& found) {
  return std::holds_alternative<std::string>(found) ? std::get<std::string>(found) : "(loaded)";
}
bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(EngineModule, MissingSaysWhereItWasLookedFor) {
  const auto why = reason(load_engine_module("nothing"));
  EXPECT_TRUE(holds(why, "there is no 'scissionlite_nothing.so' in ")) << why;
  EXPECT_TRUE(holds(why, "LD_LIBRARY_PATH")) << why;
}

TEST(EngineModule, ABrokenFileIsNotLoaded) {
  const auto path = fs::temp_directory_path() / ("scissionlite_broken_" + std::to_string(getpid()) + ".so");
  write_file(path, "this is no shared object");
  const auto why = reason(open_engine_module(path.string()));
  fs::remove(path);
  EXPECT_TRUE(holds(why, "'" + path.string() + "' does not load: ")) << why;
}

TEST(EngineModule, AnotherLibraryIsNoModule) {
  Dl_info info{};
  ASSERT_NE(dladdr(reinterpret_cast<void*>(&getpid), &info), 0);
  const auto why = reason(open_engine_module(info.dli_fname));
  EXPECT_TRUE(holds(why, "is no engine module; install the one that was built with this program")) << why;
}

TEST(EngineModule, ABackendWhoseModuleIsMissingIsNotAvailable) {
  const auto backend = make_module_backend({.name = "nothing", .prepared = [](const Graph& graph) { return graph; }});
  const auto support = backend->available();
  EXPECT_FALSE(support.ok);
  EXPECT_TRUE(holds(support.reason, "scissionlite_nothing.so")) << support.reason;
  EXPECT_THROW((void)backend->compile(Graph{}, {}), Unsupported);
}

TEST(EngineModule, OpenvinosIsFoundAndLoadedOnce) {
  const auto first = load_engine_module("openvino");
  if (holds(reason(first), "there is no '")) GTEST_SKIP() << "[SKIP] built without OpenVINO";
  ASSERT_TRUE(std::holds_alternative<const EngineModule*>(first)) << reason(first);
  EXPECT_EQ(std::get<const EngineModule*>(first), std::get<const EngineModule*>(load_engine_module("openvino")));
}

}  // namespace
}  // namespace scissionlite
