#include "generate/generate.h"

#include <cstdlib>

#include "base/error.h"
#include "generate/run_tool.h"
#include "generate/shim.h"

namespace scissionlite::generate {
namespace {

constexpr const char* kProgram = "scissionlite-generate";

}  // namespace

Tools default_tools() {
  const char* program = std::getenv("SCISSIONLITE_GENERATE");
  const char* compiler = std::getenv("CC");
  std::error_code ignored;
  const auto beside = fs::read_symlink("/proc/self/exe", ignored).parent_path() / kProgram;
  return {program && *program ? fs::path(program) : beside, compiler && *compiler ? compiler : "cc"};
}

std::string reason_against(const Tools& tools) {
  if (!fs::exists(tools.program))
    return "there is no program '" + tools.program.string() +
           "': it is built where Halide is found (tools/install_deps.sh build, or -DSCISSIONLITE_HALIDE=ON says what is missing); or name it in SCISSIONLITE_GENERATE";
  if (const auto said = run_tool(tools.compiler, {"--version"}); !said.empty())
    return "no C compiler to link kernels with: '" + tools.compiler + "': " + said + "; install gcc, or name one in CC";
  return "";
}

void make_kernel(const kernels::KernelPlan& plan, const Tools& tools, const fs::path& object) {
  if (const auto reason = plan.reason_against(); !reason.empty()) throw InvalidArgument("[generate] no kernel " + plan.identity() + ": " + reason);
  const StagedFolder work(object.string() + ".work");  // never committed: removed with all in it
  const auto file = [&](const char* name) { return (work.path() / name).string(); };
  if (const auto said = run_tool(tools.program.string(), {plan.target, plan.problem, kernels::text_of(plan.knobs), file("kernel.o")});
      !said.empty()) {
    if (const auto missing = reason_against(tools); !missing.empty()) throw Unsupported("[generate] " + missing);
    throw InternalError("[generate] " + tools.program.filename().string() + " failed: " + said);
  }
  write_file(file("shim.c"), shim_of(plan));
  const auto said = run_tool(tools.compiler, {"-std=c11", "-O2", "-fPIC", "-fvisibility=hidden", "-shared", "-Wl,-Bsymbolic", "-Wl,--build-id=none",
                                              "-s", file("shim.c"), file("kernel.o"), "-lm", "-o", file("kernel.so")});
  if (!said.empty()) {
    if (const auto missing = reason_against(tools); !missing.empty()) throw Unsupported("[generate] " + missing);
    throw InternalError("[generate] '" + tools.compiler + "' does not link " + plan.identity() + ": " + said);
  }
  fs::rename(file("kernel.so"), object);
}

}  // namespace scissionlite::generate
