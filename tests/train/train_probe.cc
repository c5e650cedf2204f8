// Runs models on the training engine for an oracle test.
//   train_probe forward LIST_FILE   each line is "model.onnx input.npy ... | output prefix"; outputs are written as
//                                   <prefix>0.npy, <prefix>1.npy, ...; an error as <prefix>error.txt
//   train_probe perturb MODEL INPUT.npy OUTPUT.onnx PREFIX   moves every trainable weight a little, writes model and outputs
#include <fstream>
#include <iostream>
#include <sstream>

#include "base/file.h"
#include "base/npy.h"
#include "onnx/onnx.h"
#include "train/loop/trainer.h"
#include "train/network/module.h"
#include "train/tensors/convert.h"
#include "train/tensors/torch.h"

using namespace scissionlite;

namespace {

Dtype dtype_of(const torch::Tensor& t) {
  switch (t.scalar_type()) {
    case torch::kFloat: return Dtype::kF32;
    case torch::kByte: return Dtype::kU8;
    case torch::kChar: return Dtype::kI8;
    case torch::kShort: return Dtype::kI16;
    case torch::kInt: return Dtype::kI32;
    case torch::kBool: return Dtype::kBool;
    default: return Dtype::kI64;
  }
}

void write_outputs(train::Module& module, const std::vector<Tensor>& inputs, const std::string& prefix) {
  torch::NoGradGuard guard;
  std::vector<torch::Tensor> given;
  for (const auto& input : inputs) given.push_back(train::to_torch(input, torch::kFloat));
  const auto outputs = module.forward(given);
  for (size_t i = 0; i < outputs.size(); ++i)
    write_file(prefix + std::to_string(i) + ".npy", to_npy(train::from_torch(outputs[i], dtype_of(outputs[i]))));
}

void forward_line(const std::string& line) {
  std::istringstream words(line);
  std::string model, word, prefix;
  words >> model;
  std::vector<Tensor> inputs;
  while (words >> word && word != "|") inputs.push_back(from_npy(read_file(word), word));
  words >> prefix;
  try {
    train::Module module(load_model(model));
    write_outputs(module, inputs, prefix);
  } catch (const std::exception& e) { write_file(prefix + "error.txt", e.what()); }
}

void perturb(const std::string& model, const std::string& input, const std::string& output, const std::string& prefix) {
  train::Module module(load_model(model));
  module.train({});
  torch::manual_seed(5);
  {
    torch::NoGradGuard guard;
    for (const auto& [name, tensor] : module.trained()) torch::Tensor(tensor).mul_(1 + 0.02 * torch::randn_like(tensor));
  }
  const auto changed = module.export_graph();
  save_model(changed, output);
  train::Module read_back(load_model(output));  // what the file holds: half precision has rounded
  write_outputs(read_back, {from_npy(read_file(input), input)}, prefix);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  train::use_threads(0);
  if (mode == "forward" && argc == 3) {
    std::ifstream list(argv[2]);
    std::string line;
    while (std::getline(list, line))
      if (!line.empty()) forward_line(line);
    return 0;
  }
  if (mode == "perturb" && argc == 6) {
    perturb(argv[2], argv[3], argv[4], argv[5]);
    return 0;
  }
  std::cerr << "usage: train_probe forward LIST | perturb MODEL INPUT OUTPUT PREFIX\n";
  return 2;
}
