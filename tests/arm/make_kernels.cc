// make_kernels FOLDER: the kernels of plans.h as FOLDER/0.so, FOLDER/1.so, ..., with a cross compiler as linker.
#include <cstdio>

#include "arm/plans.h"
#include "generate/generate.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  auto tools = scissionlite::generate::default_tools();
  tools.compiler = "aarch64-linux-gnu-gcc";
  try {
    int made = 0;
    for (const auto& plan : scissionlite::kernels::arm_plans()) make_kernel(plan, tools, std::string(argv[1]) + "/" + std::to_string(made++) + ".so");
    std::printf("%d kernels for arm-64\n", made);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
