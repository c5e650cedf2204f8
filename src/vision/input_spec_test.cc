#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <unistd.h>

#include <cmath>

#include "base/error.h"
#include "vision/input_spec.h"
#include "vision/resize.h"
#include "vision/test_images.h"

namespace scissionlite::vision {
namespace {

using namespace testing;  // NOLINT: the helpers of this folder

InputSpec parse(const std::string& fields) {
  return input_spec_from_json(parse_json("{\"schema\": \"scissionlite.input/1\", \"width\": 4, \"height\": 2" + fields + "}", "in"), "in");
}

std::string refusal(const std::string& fields) {
  try {
    static_cast<void>(parse(fields));
  } catch (const InvalidArgument& e) { return e.what(); }
  return "accepted";
}

void expect_refusal(const std::string& fields, const std::string& part) {
  EXPECT_NE(refusal(fields).find(part), std::string::npos) << fields << " gave: " << refusal(fields);
}

TEST(InputJson, DefaultsAndAllFields) {
  const InputSpec plain = parse("");
  EXPECT_EQ(plain.resize, "shorter");
  EXPECT_EQ(plain.dtype, Dtype::kF32);
  EXPECT_DOUBLE_EQ(plain.scale, 1.0 / 255);
  const InputSpec spec = parse(R"(, "precrop": 9, "resize": "stretch", "filter": "bicubic", "crop": "none", "channels": "BGR", "layout": "NHWC",
      "dtype": "float16", "scale": 2, "mean": [1, 2, 3], "std": 4, "labels": ["a", "b"], "label_offset": 1, "about": "text")");
  EXPECT_EQ(spec.precrop, 9);
  EXPECT_EQ(spec.mean, (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(spec.std, (std::vector<double>{4, 4, 4}));
  EXPECT_EQ(spec.labels.size(), 2u);
  EXPECT_EQ(tensor_shape(spec), (Shape{1, 2, 4, 3}));
  EXPECT_DOUBLE_EQ(parse(", \"dtype\": \"uint8\"").scale, 1);
  EXPECT_EQ(parse(", \"channels\": \"GRAY\"").mean.size(), 1u);
}

TEST(InputJson, RoundTripsThroughJson) {
  for (const auto& preset : input_presets()) {
    InputSpec spec = preset.spec;
    spec.labels = {"one", "two"};
    spec.label_offset = 1;
    const Json json = to_json(spec);
    EXPECT_EQ(to_json(input_spec_from_json(parse_json(json.dump(), "x"), "x")), json) << preset.name;
  }
}

TEST(InputJson, ADecisionGoesThroughJson) {
  const auto spec = parse(R"(, "decision": {"positive": 1, "threshold": 0.25, "scores": "shares"})");
  ASSERT_TRUE(spec.decision);
  const auto again = input_spec_from_json(to_json(spec), "again");
  EXPECT_EQ(again.decision->positive, 1);
  EXPECT_EQ(again.decision->threshold, 0.25);
  EXPECT_EQ(again.decision->scores, "shares");
  EXPECT_FALSE(parse("").decision);
  expect_refusal(R"(, "decision": {"positive": 1})", "threshold");
  expect_refusal(R"(, "decision": {"positive": -1, "threshold": 0.5})", "decision.positive");
  expect_refusal(R"(, "decision": {"positive": 1, "threshold": 1.5})", "a share from 0 to 1");
  expect_refusal(R"(, "decision": {"positive": 1, "threshold": 0.5, "scores": "odds"})", "logits, shares");
}

TEST(InputJson, SharesAreSoftmaxOrTheScores) {
  const std::vector<float> scores{1.0F, 3.0F, -1000.0F};
  EXPECT_NEAR(positive_share({.positive = 1}, scores), 1 / (1 + std::exp(-2.0)), 1e-12);
  EXPECT_EQ(positive_share({.positive = 2}, scores), 0);
  EXPECT_EQ(positive_share({.positive = 1, .scores = "shares"}, scores), 3);
  EXPECT_TRUE(std::isnan(positive_share({.positive = 3}, scores)));
}

TEST(InputJson, RefusalsNameTheField) {
  expect_refusal(", \"widht\": 3", "unknown key 'widht'; did you mean 'width'?");
  expect_refusal(", \"width\": 3", "twice");
  expect_refusal(", \"resize\": \"long\"", "in.resize: got \"long\", expected one of shorter, stretch, none");
  expect_refusal(", \"resize\": \"none\", \"resize_to\": 9", "in.resize_to: got 9, expected no value unless");
  expect_refusal(", \"channels\": \"rgb\"", "one of RGB, BGR, GRAY");
  expect_refusal(", \"dtype\": \"int8\"", "in.dtype");
  expect_refusal(", \"mean\": [1, 2]", "3 numbers, one a channel");
  expect_refusal(", \"channels\": \"GRAY\", \"mean\": [1, 2, 3]", "1 numbers, one a channel");
  expect_refusal(", \"std\": [1, 0, 1]", "numbers other than 0");
  expect_refusal(", \"std\": \"1\"", "in.std");
  expect_refusal(", \"scale\": 1e999", "in");
  expect_refusal(", \"labels\": [1]", "in.labels[0]: got 1, expected a string");
  expect_refusal(", \"labels_file\": \"x\"", "where there is no folder");
  expect_refusal(", \"labels\": [], \"labels_file\": \"x\"", "beside");
  expect_refusal(", \"label_offset\": -1", "from 0 to");
  EXPECT_THROW(static_cast<void>(input_spec_from_json(parse_json("{\"schema\": \"scissionlite.input/1\"}", "in"), "in")), InvalidArgument);
  EXPECT_THROW(static_cast<void>(input_spec_from_json(parse_json("{\"schema\": \"scissionlite.input/0\"}", "in"), "in")), InvalidArgument);
  EXPECT_THROW(static_cast<void>(input_spec_from_json(parse_json("[]", "in"), "in")), InvalidArgument);
  expect_refusal(", \"precrop\": 99999999999", "from 0 to 16384");
}

struct Folder {
  fs::path path = fs::temp_directory_path() / ("scissionlite_spec_" + std::to_string(::getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
};

TEST(InputJson, LabelsFromTextAndTables) {
  const Folder folder;
  write_file(folder.path / "names.txt", "tench\r\ngoldfish\n\n");
  write_file(folder.path / "names.tsv", "0\tn01440764\ttench\n1\tn01443537\tgoldfish\n");
  for (const char* file : {"names.txt", "names.tsv"}) {
    write_file(folder.path / "input.json",
               std::string(R"({"schema": "scissionlite.input/1", "width": 4, "height": 4, "labels_file": ")") + file + "\"}");
    EXPECT_EQ(load_input_spec(folder.path / "input.json").labels, (std::vector<std::string>{"tench", "goldfish"})) << file;
  }
  write_file(folder.path / "names.txt", "\n");
  EXPECT_THROW(static_cast<void>(read_labels(folder.path / "names.txt")), InvalidArgument);
  EXPECT_THROW(static_cast<void>(read_labels(folder.path / "missing.txt")), ResourceError);
}

TEST(InputJson, LabelsWithAndWithoutBackground) {
  InputSpec spec;
  spec.labels = {"a", "b"};
  EXPECT_EQ(label_of(spec, 1, 2), "b");
  EXPECT_EQ(label_of(spec, 5, 9), "class 5");
  spec.label_offset = 1;
  EXPECT_EQ(label_of(spec, 0, 3), "background");
  EXPECT_EQ(label_of(spec, 2, 3), "b");
  spec.labels = {"none", "a", "b"};
  EXPECT_EQ(label_of(spec, 2, 3), "b");
}

Graph model(Shape shape, Dtype dtype = Dtype::kF32) {
  Graph graph;
  graph.inputs = {{"data", dtype, std::move(shape), true, {}}};
  return graph;
}

std::string spec_text(int side) {
  return R"({"schema": "scissionlite.input/1", "width": )" + std::to_string(side) + ", \"height\": " + std::to_string(side) + "}";
}

TEST(FindInputSpec, GivenThenMetadataThenBesideThenGuess) {
  const Folder folder;
  const fs::path path = folder.path / "net.onnx";
  Graph graph = model({-1, 3, -1, -1});
  EXPECT_THROW(static_cast<void>(find_input_spec(graph, path, {})), InvalidArgument);
  EXPECT_EQ(find_input_spec(model({1, 3, 7, 7}), path, {}).width, 7);
  write_file(folder.path / "input.json", spec_text(10));
  EXPECT_EQ(find_input_spec(graph, path, {}).width, 10);
  write_file(folder.path / "net.input.json", spec_text(11));
  EXPECT_EQ(find_input_spec(graph, path, {}).width, 11);
  graph.metadata["scissionlite.input"] = spec_text(12);
  EXPECT_EQ(find_input_spec(graph, path, {}).width, 12);
  write_file(folder.path / "other.json", spec_text(13));
  EXPECT_EQ(find_input_spec(graph, path, folder.path / "other.json").width, 13);
  EXPECT_THROW(static_cast<void>(find_input_spec(graph, path, folder.path / "absent.json")), ResourceError);
  EXPECT_FALSE(find_input_spec(graph, path, folder.path / "other.json").decision);
  graph.metadata["scissionlite.input"] = [] {
    auto json = parse_json(spec_text(12), "");
    json["decision"] = {{"positive", 1}, {"threshold", 0.125}};
    return json.dump();
  }();
  EXPECT_EQ(find_input_spec(graph, path, folder.path / "other.json").decision->threshold, 0.125);  // the model's, chosen for its weights
  graph.metadata["scissionlite.input"] = "{";
  EXPECT_EQ(find_input_spec(graph, path, folder.path / "other.json").width, 13);
  EXPECT_THROW(static_cast<void>(find_input_spec(graph, path, {})), InvalidArgument);
}

TEST(FindInputSpec, GuessFollowsTheShape) {
  EXPECT_EQ(find_input_spec(model({1, 224, 200, 3}), "none/x.onnx", {}).layout, "NHWC");
  const auto grey = find_input_spec(model({1, 1, 28, 30}), "none/x.onnx", {});
  EXPECT_EQ(grey.channels, "GRAY");
  EXPECT_EQ(grey.width, 30);
  EXPECT_DOUBLE_EQ(find_input_spec(model({1, 3, 8, 8}, Dtype::kU8), "none/x.onnx", {}).scale, 1);
  EXPECT_THROW(static_cast<void>(find_input_spec(model({1, 10}), "none/x.onnx", {})), InvalidArgument);
  EXPECT_THROW(static_cast<void>(find_input_spec(model({1, 3, 8, 8}, Dtype::kI64), "none/x.onnx", {})), InvalidArgument);
  EXPECT_THROW(static_cast<void>(find_input_spec(Graph{}, "none/x.onnx", {})), ModelError);
}

TEST(FindInputSpec, MisfitNamesBoth) {
  InputSpec spec;
  spec.width = spec.height = 224;
  try {
    check_fits(spec, model({1, 3, 227, 227}), "my.json");
    FAIL() << "accepted";
  } catch (const InvalidArgument& e) {
    EXPECT_NE(std::string(e.what()).find("my.json makes float32 (1, 3, 224, 224) (NCHW), the model's input 'data' expects float32 (1, 3, 227, 227)"),
              std::string::npos)
        << e.what();
  }
  EXPECT_THROW(check_fits(spec, model({1, 3, 224, 224}, Dtype::kF16), "x"), InvalidArgument);
  EXPECT_NO_THROW(check_fits(spec, model({-1, 3, 224, 224}), "x"));
  try {
    check_fits(spec, model({4, 3, 224, 224}), "x");
    FAIL() << "a batch of four";
  } catch (const InvalidArgument& e) { EXPECT_NE(std::string(e.what()).find("takes 4 images at once"), std::string::npos) << e.what(); }
}

TEST(Resize, SameSizeIsTheSameAndConstantStaysConstant) {
  const Image image = noise(9, 7, 1);
  const Image flat{9, 7, std::vector<uint8_t>(9 * 7 * 3, 137)};
  for (const Filter filter : {Filter::kNearest, Filter::kBilinear, Filter::kBicubic}) {
    EXPECT_EQ(resize(image, 9, 7, filter).rgb, image.rgb);
    for (const int size : {1, 3, 8, 40}) {
      const Image out = resize(flat, size, size + 1, filter);
      EXPECT_EQ(out.rgb, std::vector<uint8_t>(out.rgb.size(), 137));
    }
  }
}

TEST(Resize, HalvingAveragesAndDoublingInterpolates) {
  const Image two{2, 1, {0, 0, 0, 100, 100, 100}};
  EXPECT_EQ(resize(two, 1, 1, Filter::kBilinear).rgb[0], 50);
  const Image four = resize(two, 4, 1, Filter::kBilinear);
  EXPECT_EQ(four.rgb, (std::vector<uint8_t>{0, 0, 0, 25, 25, 25, 75, 75, 75, 100, 100, 100}));
  EXPECT_EQ(resize(two, 4, 1, Filter::kNearest).rgb, (std::vector<uint8_t>{0, 0, 0, 0, 0, 0, 100, 100, 100, 100, 100, 100}));
}

TEST(Resize, WindowIsAPartOfTheWhole) {
  EXPECT_TRUE(rc::check("resize(window) = crop(resize)", [] {
    const int w = *rc::gen::inRange(1, 40), h = *rc::gen::inRange(1, 40), to_w = *rc::gen::inRange(1, 40), to_h = *rc::gen::inRange(1, 40);
    const int x = *rc::gen::inRange(0, to_w), y = *rc::gen::inRange(0, to_h);
    const Window window{x, y, *rc::gen::inRange(1, to_w - x + 1), *rc::gen::inRange(1, to_h - y + 1)};
    const Image image = noise(w, h, 3);
    for (const Filter filter : {Filter::kNearest, Filter::kBilinear, Filter::kBicubic})
      RC_ASSERT(resize(image, to_w, to_h, filter, window).rgb == crop(resize(image, to_w, to_h, filter), window).rgb);
  }));
  EXPECT_THROW(static_cast<void>(resize(noise(4, 4, 1), 4, 4, Filter::kBilinear, {1, 0, 4, 4})), InvalidArgument);
  EXPECT_THROW(static_cast<void>(resize(noise(4, 4, 1), 0, 4, Filter::kBilinear)), InvalidArgument);
}

InputSpec spec_of(int width, int height, const std::string& resize, const std::string& crop) {
  InputSpec spec;
  spec.width = width, spec.height = height;
  spec.resize = resize, spec.crop = crop;
  return spec;
}

TEST(Geometry, CentreCropAndBlackBorder) {
  const Image image = noise(227, 225, 1);
  const Image middle = resize_and_crop(image, spec_of(224, 224, "none", "center"));
  EXPECT_TRUE(std::equal(middle.rgb.begin(), middle.rgb.begin() + 224 * 3, image.rgb.begin() + 3));  // 1 pixel left, 0 above
  const Image white{2, 2, std::vector<uint8_t>(12, 255)};
  const Image padded = resize_and_crop(white, spec_of(5, 4, "none", "center"));
  int lit = 0;
  for (const uint8_t v : padded.rgb) lit += v == 255;
  EXPECT_EQ(lit, 12);
  EXPECT_EQ(padded.rgb[(1 * 5 + 1) * 3], 255);
}

TEST(Geometry, ShorterKeepsTheAspectAndStretchDoesNot) {
  InputSpec spec = spec_of(10, 10, "shorter", "center");
  EXPECT_EQ(resize_and_crop(noise(40, 20, 1), spec).rgb, resize(noise(40, 20, 1), 20, 10, Filter::kBilinear, {5, 0, 10, 10}).rgb);
  spec.resize_to = 12;
  EXPECT_EQ(resize_and_crop(noise(20, 50, 1), spec).rgb, resize(noise(20, 50, 1), 12, 30, Filter::kBilinear, {1, 10, 10, 10}).rgb);
  EXPECT_EQ(resize_and_crop(noise(20, 50, 1), spec_of(10, 10, "stretch", "center")).rgb, resize(noise(20, 50, 1), 10, 10, Filter::kBilinear).rgb);
  EXPECT_THROW(static_cast<void>(resize_and_crop(noise(20, 50, 1), spec_of(10, 10, "none", "none"))), InvalidArgument);
  spec = spec_of(8, 8, "shorter", "center");
  spec.precrop = 16;
  EXPECT_EQ(resize_and_crop(noise(20, 30, 1), spec).rgb, resize(crop(noise(20, 30, 1), {2, 7, 16, 16}), 8, 8, Filter::kBilinear).rgb);
}

TEST(Geometry, AlwaysGivesTheAskedSize) {
  EXPECT_TRUE(rc::check("any image, any spec", [] {
    InputSpec spec =
        spec_of(*rc::gen::inRange(1, 40), *rc::gen::inRange(1, 40), *rc::gen::element<std::string>("shorter", "stretch", "none"), "center");
    if (spec.resize == "shorter") spec.resize_to = *rc::gen::inRange(0, 50);
    spec.precrop = *rc::gen::element(0, 0, 7, 60);
    spec.filter = *rc::gen::element<std::string>("bilinear", "bicubic", "nearest");
    const Image out = resize_and_crop(noise(*rc::gen::inRange(1, 70), *rc::gen::inRange(1, 70), 2), spec);
    RC_ASSERT(out.width == spec.width && out.height == spec.height);
    RC_ASSERT(out.rgb.size() == static_cast<size_t>(spec.width) * static_cast<size_t>(spec.height) * 3);
  }));
}

TEST(Geometry, ThinStripsDoNotExplode) {
  const InputSpec spec = spec_of(16, 16, "shorter", "center");
  EXPECT_EQ(resize_and_crop(noise(1, 100000, 1), spec).rgb.size(), 16u * 16 * 3);
}

/// The definition, one value at a time.
double expected(const Image& image, const InputSpec& spec, int c, int y, int x) {
  const uint8_t* rgb = image.rgb.data() + (y * image.width + x) * 3;
  const int source = spec.channels == "BGR" ? 2 - c : c;
  const double v = spec.channels == "GRAY" ? (rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16 : rgb[source];
  return (v * spec.scale - spec.mean[static_cast<size_t>(c)]) / spec.std[static_cast<size_t>(c)];
}

TEST(ToTensor, EveryChannelOrderLayoutAndType) {
  const Image image = noise(5, 3, 9);
  for (const std::string channels : {"RGB", "BGR", "GRAY"})
    for (const std::string layout : {"NCHW", "NHWC"})
      for (const Dtype dtype : {Dtype::kF32, Dtype::kF16, Dtype::kU8}) {
        SCOPED_TRACE(channels + " " + layout + " " + std::string(dtype_name(dtype)));
        InputSpec spec = spec_of(5, 3, "none", "none");
        spec.channels = channels, spec.layout = layout, spec.dtype = dtype;
        const int count = channels == "GRAY" ? 1 : 3;
        spec.scale = dtype == Dtype::kU8 ? 1 : 1.0 / 255;
        spec.mean.assign(static_cast<size_t>(count), 0.4), spec.std.assign(static_cast<size_t>(count), 0.7);
        if (count == 3) spec.mean[2] = 0.1, spec.std[0] = 0.2;
        const Tensor tensor = to_tensor(image, spec);
        ASSERT_EQ(tensor.shape(), tensor_shape(spec));
        const Tensor values = tensor.to_f32();
        for (int c = 0; c < count; ++c)
          for (int y = 0; y < 3; ++y)
            for (int x = 0; x < 5; ++x) {
              const double exact = expected(image, spec, c, y, x);
              const int at = layout == "NCHW" ? (c * 3 + y) * 5 + x : (y * 5 + x) * count + c;
              const float got = values.as<float>()[static_cast<size_t>(at)];
              if (dtype == Dtype::kU8) ASSERT_EQ(got, std::round(std::clamp(exact, 0.0, 255.0)));
              else if (dtype == Dtype::kF32) ASSERT_EQ(got, static_cast<float>(exact));
              else ASSERT_NEAR(got, exact, 2e-3 * std::max(1.0, std::abs(exact)));
            }
      }
}

TEST(ToTensor, RefusesAnotherSizeOrType) {
  EXPECT_THROW(static_cast<void>(to_tensor(noise(4, 4, 1), spec_of(5, 4, "none", "none"))), InvalidArgument);
  InputSpec spec = spec_of(4, 4, "none", "none");
  spec.dtype = Dtype::kI64;
  EXPECT_THROW(static_cast<void>(to_tensor(noise(4, 4, 1), spec)), InvalidArgument);
  spec.dtype = Dtype::kF32, spec.mean = {0};
  EXPECT_THROW(static_cast<void>(to_tensor(noise(4, 4, 1), spec)), InvalidArgument);
}

}  // namespace
}  // namespace scissionlite::vision
