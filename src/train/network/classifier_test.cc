#include "train/network/classifier.h"

#include <gtest/gtest.h>

#include "train/network/module.h"
#include "train/tensors/convert.h"
#include "train/test_graphs.h"

namespace scissionlite::train {
namespace {

/// Ends in a 1x1 convolution, pooling and a Reshape that names the classes, as SqueezeNet does.
Graph convolutional() {
  Graph g = small_network();
  g.nodes.resize(3);
  g.initializers["fc.w"] = random_tensor({3, 4, 1, 1}, 5);
  g.initializers["target"] = Tensor::of<int64_t>({2}, {-1, 3});
  g.nodes.push_back({"fc", "Conv", "", {"r", "fc.w", "fc.b"}, {"l"}, {}, ""});
  g.nodes.push_back({"pool", "GlobalAveragePool", "", {"l"}, {"g"}, {}, ""});
  g.nodes.push_back({"flat", "Reshape", "", {"g", "target"}, {"p"}, {}, ""});
  return g;
}

/// Ends in MatMul and Add.
Graph with_matmul() {
  Graph g = small_network();
  g.initializers["fc.w"] = random_tensor({4, 3}, 5);
  g.nodes[5] = {"fc", "MatMul", "", {"f", "fc.w"}, {"m"}, {}, ""};
  g.nodes.insert(g.nodes.begin() + 6, {"bias", "Add", "", {"m", "fc.b"}, {"l"}, {}, ""});
  return g;
}

TEST(Classifier, OfAnyKindGetsOtherClasses) {
  for (const auto& graph : {small_network(), convolutional(), with_matmul()}) {
    const auto changed = with_classes(graph, 7, 1);
    EXPECT_EQ(changed.outputs[0].shape, (Shape{-1, 7}));
    EXPECT_EQ(classes_of(changed), 7);
    Module module(changed);
    EXPECT_EQ(module.forward({torch::rand({2, 3, 6, 6})})[0].sizes(), (std::vector<int64_t>{2, 7}));
    EXPECT_EQ(changed.initializers.size(), graph.initializers.size());
    EXPECT_TRUE(bit_equal(changed.initializers.at("conv.w"), graph.initializers.at("conv.w")));
    EXPECT_EQ(find_parameters(changed).back().users.back(), find_parameters(graph).back().users.back()) << "names stay";
    EXPECT_TRUE(bit_equal(with_classes(graph, 7, 1).initializers.at("fc.w"), changed.initializers.at("fc.w"))) << "of one seed";
    EXPECT_FALSE(bit_equal(with_classes(graph, 7, 2).initializers.at("fc.w"), changed.initializers.at("fc.w"))) << "of another seed";
  }
}

TEST(Classifier, SharedWeightsAreLeftToTheirOtherUser) {
  Graph g = small_network();
  g.initializers["square"] = random_tensor({4, 4}, 5);
  g.nodes[5].inputs = {"f2", "square", "bn.shift"};
  g.nodes.insert(g.nodes.begin() + 5, {"fc0", "Gemm", "", {"f", "square", "bn.shift"}, {"f2"}, {}, ""});
  g.outputs[0].shape = {-1, 4};
  const auto changed = with_classes(g, 5, 1);
  EXPECT_EQ(changed.initializers.at("square").shape(), (Shape{4, 4}));
  EXPECT_EQ(changed.initializers.at("bn.shift").shape(), Shape{4});
  EXPECT_EQ(classes_of(changed), 5);
}

TEST(Classifier, WhatIsNoClassifierIsNamed) {
  Graph g = small_network();
  g.nodes[6] = {"strange", "Concat", "", {"l", "l"}, {"p"}, {{"axis", int64_t{1}}}, ""};
  try {
    (void)with_classes(g, 5, 1);
    FAIL() << "replaced it";
  } catch (const Unsupported& e) {
    const std::string text = e.what();
    EXPECT_NE(text.find("from output 'p' comes Concat 'strange'; expected a Gemm or MatMul"), std::string::npos) << text;
  }
  EXPECT_THROW((void)with_classes(small_network(), 1, 1), InvalidArgument);
}

}  // namespace
}  // namespace scissionlite::train
