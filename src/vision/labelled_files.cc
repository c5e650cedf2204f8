#include "vision/labelled_files.h"

#include "base/error.h"
#include "vision/cifar.h"
#include "vision/idx.h"

namespace scissionlite::vision {
namespace {

struct Format {
  bool (*is_named_so)(const fs::path&);
  LabelledImages (*read)(const fs::path&);
};
constexpr Format kFormats[] = {{is_cifar_file, read_cifar}, {is_idx_file, read_idx}};

}  // namespace

bool is_labelled_file(const fs::path& path) {
  for (const auto& format : kFormats)
    if (format.is_named_so(path)) return true;
  return false;
}

LabelledImages read_labelled(const fs::path& path) {
  for (const auto& format : kFormats)
    if (format.is_named_so(path)) return format.read(path);
  throw InvalidArgument("[images] '" + path.string() +
                        "' is no file of labelled pictures: .bin of CIFAR or .idx3-ubyte (also .gz) of IDX was expected");
}

}  // namespace scissionlite::vision
