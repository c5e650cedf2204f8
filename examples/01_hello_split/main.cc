// Cuts a model in two, serves the second half in this process, and has both halves name what is on a photo.
#include <scissionlite/scissionlite.h>

#include <algorithm>
#include <iostream>

namespace sl = scissionlite::api;

int main(int argc, char** argv) try {
  if (argc != 4) throw std::runtime_error("usage: hello_split MODEL.onnx IMAGE_FOLDER OUTPUT_FOLDER");
  const sl::Path output = argv[3];
  const auto model = sl::Model::load(argv[1]);
  auto cuts = model.cuts(/*max_tensors=*/1);
  std::erase_if(cuts, [&](const sl::Cut& cut) { return cut.head_macs * 2 > model.macs(); });  // the device does half of the work at most
  const auto smallest = std::min_element(cuts.begin(), cuts.end(), [](const auto& a, const auto& b) { return a.bytes < b.bytes; });
  if (smallest == cuts.end()) throw std::runtime_error("this model cannot be cut in its first half");
  const auto key = "split/" + smallest->id + "/fp16";
  const auto made = sl::prepare(model, key, {.package = output / "device", .repository = output / "repository", .images = {argv[2]}});
  sl::Edge edge({.repositories = {output / "repository"}});
  sl::Device device(output / "device", {.edge = edge.address()});
  const auto image = sl::list_images({argv[2]}).front();
  const auto answer = device.run(image);
  if (!answer.error.empty()) throw std::runtime_error(answer.error);
  std::cout << made.candidate << ": " << image.string() << " is class " << answer.top[0].index << ", answered by the "
            << (answer.is_from_edge ? "edge" : "device") << " in " << answer.latency_us / 1e3 << " ms, " << answer.sent_bytes << " bytes sent\n";
  edge.stop();
} catch (const std::exception& e) {
  std::cerr << "hello_split: " << e.what() << "\n";
  return 1;
}
