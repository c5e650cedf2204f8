// What src/vision makes of an image, for comparison with other programs. One command a line on stdin, tabs between words:
//   decode FILE OUT.npy          uint8 (h, w, 3)
//   resize FILE W H FILTER OUT.npy
//   tensor FILE INPUT.json OUT.npy
//   encode FILE CODEC OUT
//   presets OUT.json             name -> input.json
// Prints "ok" or "error <message>" a line; the exit status is 0 unless a command is unknown.
#include <algorithm>
#include <iostream>

#include "base/error.h"
#include "base/npy.h"
#include "base/text.h"
#include "vision/input_spec.h"
#include "vision/resize.h"

namespace scissionlite::vision {
namespace {

void write_image(const Image& image, const std::string& path) {
  write_file(path, to_npy(Tensor::of<uint8_t>({image.height, image.width, 3}, std::span<const uint8_t>(image.rgb))));
}

Filter filter_named(const std::string& name) {
  return name == "nearest" ? Filter::kNearest : name == "bicubic" ? Filter::kBicubic : Filter::kBilinear;
}

void write_presets(const std::string& path) {
  Json all;
  for (const auto& preset : input_presets()) all[preset.name] = to_json(preset.spec);
  write_json(path, all);
}

/// False for a command that is not known.
bool run(const std::vector<std::string>& words) {
  const size_t n = words.size();
  if (words[0] == "decode" && n == 3) write_image(load_image(words[1]), words[2]);
  else if (words[0] == "resize" && n == 6)
    write_image(resize(load_image(words[1]), std::stoi(words[2]), std::stoi(words[3]), filter_named(words[4])), words[5]);
  else if (words[0] == "tensor" && n == 4) write_file(words[3], to_npy(preprocess(load_image(words[1]), load_input_spec(words[2]))));
  else if (words[0] == "encode" && n == 4) write_file(words[3], encode(load_image(words[1]), words[2]));
  else if (words[0] == "presets" && n == 2) write_presets(words[1]);
  else return false;
  return true;
}

}  // namespace
}  // namespace scissionlite::vision

int main() {
  using namespace scissionlite;  // NOLINT: a test program
  for (std::string line; std::getline(std::cin, line);) {
    try {
      if (!vision::run(split(line, '\t'))) return 2;
      std::cout << "ok\n";
    } catch (const Error& e) {
      std::string message = e.what();
      std::replace(message.begin(), message.end(), '\n', ' ');
      std::cout << "error " << message << "\n";
    }
  }
}
