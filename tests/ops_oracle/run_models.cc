// Runs models for an oracle test: each line of the list file is "model.onnx input.npy ... | output prefix"; outputs are
// written as <prefix>0.npy, <prefix>1.npy, ...; an error as <prefix>error.txt.
//   run_models ENGINE LIST_FILE
#include <fstream>
#include <iostream>
#include <sstream>

#include "base/file.h"
#include "base/npy.h"
#include "engine/engine.h"
#include "onnx/onnx.h"
#include "ops/ops.h"

using namespace scissionlite;

namespace {

void run_line(const std::string& engine, const std::string& line) {
  std::istringstream words(line);
  std::string model, word;
  words >> model;
  std::vector<Tensor> inputs;
  while (words >> word && word != "|") inputs.push_back(from_npy(read_file(word), word));
  std::string prefix;
  words >> prefix;
  try {
    Graph graph = load_model(model);
    Graph shapes = graph;
    ops::infer_shapes(shapes);
    const auto outputs = compile(graph, engine)->run(inputs);
    for (size_t i = 0; i < outputs.size(); ++i) {
      write_file(prefix + std::to_string(i) + ".npy", to_npy(outputs[i]));
      const auto inferred = shapes.values.find(graph.outputs[i].name);
      if (inferred == shapes.values.end() || !inferred->second.has_shape)
        throw InternalError("shape of output " + std::to_string(i) + " was not inferred");
      for (size_t d = 0; d < inferred->second.shape.size(); ++d)
        if (inferred->second.shape.size() != outputs[i].shape().size() ||
            (inferred->second.shape[d] >= 0 && inferred->second.shape[d] != outputs[i].shape()[d]))
          throw InternalError("inferred " + to_string(inferred->second.shape) + ", ran " + to_string(outputs[i].shape()));
    }
  } catch (const std::exception& e) { write_file(prefix + "error.txt", e.what()); }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: run_models ENGINE LIST_FILE\n";
    return 2;
  }
  std::ifstream list(argv[2]);
  std::string line;
  while (std::getline(list, line))
    if (!line.empty()) run_line(argv[1], line);
  return 0;
}
