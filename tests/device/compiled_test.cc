// Packages with compiled forms: used where they can run, named where they cannot, refused where they are wrong.
#include <algorithm>
#include <cstdlib>
#include <thread>

#include "base/clock.h"
#include "base/test_messages.h"
#include "fixture.h"
#include "kernels/vector/loops.h"
#include "onnx/onnx.h"
#include "prepare/verify_package.h"

namespace scissionlite::testing {
namespace {

using device::Offloader;
using device::OffloaderOptions;

/// Without it, `isa` is the widest of this CPU: what runs in 4 lanes can only come from a form.
const CompileModelOptions kNarrow{.model = {}, .folder = {}, .isa = "base"};
const std::vector<std::string> kDeviceForms{"head.compiled", "local.compiled"};
constexpr const char* kEdgeForm = "1/model.compiled";

class CompiledPackage : public DeviceFixture {
 protected:
  void SetUp() override {
    if (program().empty()) GTEST_SKIP() << "needs SCISSIONLITE_PROGRAM, the path of the scissionlite program";
  }
  static OffloaderOptions native(const std::string& engine = "native") {
    OffloaderOptions options;
    options.engine = engine;
    options.threads = 1;
    return options;
  }
  void expect_answer(Offloader& offloader, device::Origin origin) const {
    const auto image = picture(7);
    const auto answer = offloader.answer({.name = "picture", .bytes = {}, .image = image});
    ASSERT_EQ(answer.error, "");
    EXPECT_EQ(answer.origin, origin) << answer.note;
    ASSERT_FALSE(answer.top.empty());
    EXPECT_EQ(answer.top[0].index, best_class(image));
  }
  [[nodiscard]] fs::path edge_folder(const std::string& name) const { return repository(name) / "tail"; }
  [[nodiscard]] std::string refusal(const std::string& name) const {
    return message_of<Error>([&] { Offloader(open_package(package(name)), native()); });
  }
  /// What `run` or `verify` says, on both streams.
  std::string output_of(std::vector<std::string> arguments) {
    const auto log = folder_ / "program.log";
    ChildProcess child(arguments, log.string(), program());
    child.close_input();
    std::string lines;
    try {
      while (true) lines += child.read_line(60e6) + "\n";
    } catch (const TransportError&) {  // its end
    }
    exit_code_ = child.wait();
    return lines + read_file(log);
  }
  std::string run_once(const std::string& name, const std::string& engine) {
    write_file(folder_ / "picture.png", vision::encode(picture(7), "png"));
    return output_of({"run", package(name).string(), (folder_ / "picture.png").string(), "--engine", engine, "--threads", "1"});
  }
  /// Changes compiled.json of a form, and the hash of it in the manifest.
  static void edit(const fs::path& folder, const std::string& form, const std::function<void(Json&)>& change) {
    const auto edit_json = [](const fs::path& path, const std::function<void(Json&)>& by) {
      auto json = parse_json(read_file(path), path.string());
      by(json);
      write_json(path, json);
    };
    edit_json(folder / form / "compiled.json", change);
    edit_json(folder / "manifest.json", [&](Json& json) { json["compiled"][form] = sha256_hex(read_file(folder / form / "compiled.json")); });
  }
  static void flip_bit(const fs::path& path, size_t at) {
    auto bytes = read_file(path);
    bytes.at(at) = static_cast<char>(bytes[at] ^ 4);
    write_file(path, bytes);
  }
  static size_t count(const std::string& text, const std::string& part) {
    size_t found = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
  }
  int exit_code_ = 0;
};

TEST_F(CompiledPackage, RunsOnBothSides) {
  for (const auto& key : {split_key("fp32"), split_key("uint8"), std::string("edge/png"), std::string("local")}) {
    const auto package = prepare("net", key, /*seed=*/1, kNarrow);
    const bool is_local = key == "local", is_split = key.starts_with("split");
    const auto expected = is_split ? kDeviceForms : std::vector<std::string>{"local.compiled"};
    std::vector<std::string> listed;
    for (const auto& [path, hash] : package.manifest.compiled) listed.push_back(path);
    EXPECT_EQ(listed, expected) << key;
    auto options = native();
    if (!is_local) options.edge = "127.0.0.1:" + std::to_string(serve("net", 0, "native"));
    Offloader offloader(package, options);
    EXPECT_EQ(offloader.engine_info()->isa, "base") << key << ": not from the form";
    expect_answer(offloader, is_local ? device::Origin::kLocal : device::Origin::kEdge);
    if (!is_local) { EXPECT_EQ(edge_log().find("warning"), std::string::npos) << edge_log(); }
  }
}

TEST_F(CompiledPackage, AllChecksOfVerifyPass) {
  for (const auto& key : {split_key("uint8"), std::string("edge/png"), std::string("local")}) {
    (void)prepare("net", key, /*seed=*/1, CompileModelOptions{.model = {}, .folder = {}, .batches = {}});
    std::string all;
    for (const auto& finding : verify_package({.package = package("net"),
                               .repository = key == "local" ? fs::path() : repository("net"),
                               .model = folder_ / "net.onnx",
                               .images = {},
                               .engine = "",
                               .threads = 1})) {
      EXPECT_TRUE(finding.ok) << finding.what << ": " << finding.detail;
      all += finding.what + ": " + finding.detail + "\n";
    }
    EXPECT_NE(all.find("compiled: local.compiled answers as its ONNX file: largest difference 0"), std::string::npos) << all;
    if (key == "local") continue;
    EXPECT_NE(all.find("compiled: 1/model.compiled answers as its ONNX file: largest difference 0.0, batches compiled for: 2"), std::string::npos)
        << all;
  }
}

TEST_F(CompiledPackage, ServerFormsBatchesThatWereNotCompiled) {
  const auto package = prepare("net", split_key("fp32"), /*seed=*/1, CompileModelOptions{.model = {}, .folder = {}, .batches = {1, 2}});
  auto options = native();
  options.edge = "127.0.0.1:" + std::to_string(serve("net", 0, "native"));
  std::vector<std::thread> devices;
  for (int i = 0; i < 6; ++i)
    devices.emplace_back([&] {
      Offloader offloader(package, options);
      for (int image = 0; image < 20; ++image) expect_answer(offloader, device::Origin::kEdge);
    });
  for (auto& device : devices) device.join();
}

TEST_F(CompiledPackage, OtherEnginesLookAtTheOnnxFilesOnly) {
  (void)prepare("net", split_key("fp32"), /*seed=*/1, kNarrow);
  flip_bit(package("net") / "head.compiled" / "weights.bin", 0);
  const auto text = run_once("net", "reference");
  EXPECT_EQ(exit_code_, 0) << text;
  EXPECT_EQ(text.find("compiled form"), std::string::npos) << text;
}

TEST_F(CompiledPackage, OfAnotherBuildIsNotUsedAndSaidSo) {
  (void)prepare("net", split_key("fp32"), /*seed=*/1, kNarrow);
  const auto other_build = [](Json& json) { json["build"] = "0123456789abcdef"; };
  for (const auto& form : kDeviceForms) edit(package("net"), form, other_build);
  edit(edge_folder("net"), kEdgeForm, other_build);
  auto options = native();
  options.edge = "127.0.0.1:" + std::to_string(serve("net", 0, "native"));
  Offloader offloader(open_package(package("net")), options);
  EXPECT_EQ(offloader.engine_info()->isa, kernels::best_loops().isa);
  expect_answer(offloader, device::Origin::kEdge);
  for (const auto& text : {run_once("net", "native"), edge_log()}) EXPECT_NE(text.find("another build of ScissionLite"), std::string::npos) << text;
  EXPECT_EQ(count(edge_log(), "instead of its compiled form"), 1u) << edge_log();
  EXPECT_EQ(count(run_once("net", "native"), "instead of its compiled form"), 2u) << "once for each half";
}

TEST_F(CompiledPackage, fault_41_OfAWiderInstructionSetIsNotUsedAndSaidSo) {
  const std::string widest = kernels::best_loops().isa;
  if (widest == "base") GTEST_SKIP() << "needs a CPU with more than base";
  (void)prepare("net", split_key("fp32"), /*seed=*/1, CompileModelOptions{});
  setenv("SCISSIONLITE_ISA", "base", 1);
  const auto text = run_once("net", "native");
  const auto edge = serve("net", 0, "native");
  unsetenv("SCISSIONLITE_ISA");
  EXPECT_GT(edge, 0);
  EXPECT_EQ(exit_code_, 0) << text;
  for (const auto& said : {text, edge_log()}) EXPECT_NE(said.find("compiled for " + widest + ", which this CPU"), std::string::npos) << said;
}

TEST_F(CompiledPackage, DamageIsRefused) {
  const auto fresh = [&] { (void)prepare("net", split_key("fp32"), /*seed=*/1, kNarrow); };
  fresh();
  flip_bit(package("net") / "head.compiled" / "compiled.json", 300);
  EXPECT_NE(refusal("net").find("compiled.json' has sha256"), std::string::npos) << refusal("net");
  fresh();
  fs::resize_file(package("net") / "local.compiled" / "weights.bin", 100);
  EXPECT_NE(refusal("net").find("copied in part"), std::string::npos) << refusal("net");
  fresh();
  flip_bit(package("net") / "local.compiled" / "weights.bin", 0);
  EXPECT_NE(refusal("net").find("is damaged"), std::string::npos) << refusal("net");
  EXPECT_NE(output_of({"verify", "--package", package("net").string()}).find("WRONG  compiled: every byte of local.compiled"), std::string::npos);
  EXPECT_EQ(exit_code_, 1);
  fresh();
  fs::remove_all(package("net") / "head.compiled");
  EXPECT_NE(refusal("net").find("has no head.compiled/compiled.json"), std::string::npos) << refusal("net");
  fresh();
  flip_bit(edge_folder("net") / kEdgeForm / "graphs.json", 40);
  EXPECT_NE(output_of({"serve", "--model-repository", repository("net").string(), "--engine", "native", "--grpc-port", "0"}).find("has checksum"),
            std::string::npos);
  EXPECT_NE(exit_code_, 0);
}

TEST_F(CompiledPackage, OfAnotherModelIsRefused) {
  (void)prepare("net", split_key("fp32"), /*seed=*/1, kNarrow);
  (void)prepare("other", split_key("fp32"), /*seed=*/2, kNarrow);
  const auto swap = [](const fs::path& from, const fs::path& to) {
    fs::remove_all(to);
    fs::copy(from, to, fs::copy_options::recursive);
  };
  swap(edge_folder("other") / kEdgeForm, edge_folder("net") / kEdgeForm);
  EXPECT_NE(output_of({"serve", "--model-repository", repository("net").string(), "--engine", "native", "--grpc-port", "0"})
                .find("1/model.compiled/compiled.json' has sha256"),
            std::string::npos);
  EXPECT_NE(exit_code_, 0);
  for (const auto& form : kDeviceForms) {
    swap(package("other") / form, package("net") / form);
    EXPECT_NE(refusal("net").find(form + "/compiled.json' has sha256"), std::string::npos) << refusal("net");
    edit(package("net"), form, [](Json&) {});
    EXPECT_NE(refusal("net").find("was compiled from a model with sha256"), std::string::npos) << refusal("net");
    (void)prepare("net", split_key("fp32"), /*seed=*/1, kNarrow);
  }
}

/// Weights of another form, listed and hashed as if they were this one's: the hashes are right, the answers are not.
TEST_F(CompiledPackage, VerifyComparesAnswers) {
  (void)prepare("net", split_key("fp32"), /*seed=*/1, kNarrow);
  (void)prepare("other", split_key("fp32"), /*seed=*/2, kNarrow);
  const auto form = package("net") / "local.compiled";
  const auto sha256 = parse_json(read_file(form / "compiled.json"), "")["model_sha256"];
  fs::remove_all(form);
  fs::copy(package("other") / "local.compiled", form, fs::copy_options::recursive);
  edit(package("net"), "local.compiled", [&](Json& json) { json["model_sha256"] = sha256; });
  const auto text = output_of({"verify", "--package", package("net").string(), "--repository", repository("net").string()});
  EXPECT_NE(text.find("WRONG  compiled: local.compiled answers as its ONNX file"), std::string::npos) << text;
  EXPECT_NE(text.find("answers otherwise than"), std::string::npos) << text;
  EXPECT_EQ(exit_code_, 1);
}

/// Whenever `prepare` is killed, what has a final name is whole; a server does not take what is left for a model.
TEST_F(CompiledPackage, AKilledPrepareLeavesNothingHalfWritten) {
  save_model(small_network(1), folder_ / "net.onnx");
  write_json(folder_ / "net.input.json", vision::to_json(small_input()));
  const std::vector<std::string> arguments{"prepare",      (folder_ / "net.onnx").string(),
                                           "--candidate",  split_key("fp32"),
                                           "--package",    package("net").string(),
                                           "--repository", repository("net").string(),
                                           "--name",       "tail",
                                           "--compile",    "-q"};
  const double start_us = Clock::steady().now_us();
  const auto said = output_of(arguments);
  ASSERT_EQ(exit_code_, 0) << said;
  const double whole_us = Clock::steady().now_us() - start_us;
  fs::remove_all(package("net"));
  fs::remove_all(edge_folder("net"));
  constexpr int kKills = 20;
  for (int i = 0; i <= kKills; ++i) {
    {
      ChildProcess child(arguments, (folder_ / "program.log").string(), program());
      Clock::steady().sleep_us(whole_us * i / kKills);
      child.kill_now();
      (void)child.wait();
    }
    if (fs::exists(package("net"))) { EXPECT_EQ(open_package(package("net")).manifest.compiled.size(), 2u); }
    if (fs::exists(edge_folder("net"))) { EXPECT_TRUE(fs::exists(edge_folder("net") / kEdgeForm / "compiled.json")); }
  }
  (void)output_of(arguments);
  fs::create_directories(repository("net") / "tail.partial-1-0" / "1");
  serve("net", 0, "native");
  EXPECT_EQ(count(edge_log(), "loaded '"), 1u) << edge_log();
  EXPECT_EQ(count(edge_log(), "warning") + count(edge_log(), "error"), 0u) << edge_log();
}

TEST_F(CompiledPackage, SaysWhatCannotBeCompiled) {
  save_model(small_network(1), folder_ / "net.onnx");
  write_json(folder_ / "net.input.json", vision::to_json(small_input()));
  const auto prepared = [&](const std::string& candidate, const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"prepare", (folder_ / "net.onnx").string(), "--candidate", candidate};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return output_of(arguments);
  };
  const auto package_option = package("net").string(), repository_option = repository("net").string();
  EXPECT_NE(prepared("local", {"--repository", repository_option, "--compile"}).find("a local plan needs no edge"), std::string::npos);
  EXPECT_EQ(exit_code_, 2);
  EXPECT_NE(prepared("edge/png", {"--repository", repository_option, "--repo-style", "python", "--compile"}).find("take --repo-style onnx"),
            std::string::npos);
  EXPECT_NE(prepared("edge/png", {"--repository", repository_option, "--compile", "--edge-batch", "64"}).find("batches of 64"), std::string::npos);
  EXPECT_NE(prepared("local", {"--package", package_option, "--compile", "--device-isa", "avx3"}).find("unknown instruction set 'avx3'"),
            std::string::npos);
  EXPECT_NE(prepared("local", {"--package", package_option, "--device-threads", "2"}).find("--compile"), std::string::npos);
  EXPECT_NE(exit_code_, 0);
  EXPECT_FALSE(fs::exists(package("net")) || fs::exists(edge_folder("net")));
  const auto text = prepared("edge/png", {"--package", package_option, "--repository", repository_option, "--repo-style", "python", "--compile"});
  EXPECT_EQ(exit_code_, 0) << text;
  EXPECT_NE(text.find("not for Triton's Python backend"), std::string::npos) << text;
  EXPECT_TRUE(fs::exists(package("net") / "local.compiled" / "compiled.json"));
}

/// What other servers see: one version, in it the model under its name, and a folder that is no model of theirs.
TEST_F(CompiledPackage, RepositoryKeepsTritonsLayout) {
  (void)prepare("net", split_key("fp32"), /*seed=*/1, kNarrow);
  const auto names = [](const fs::path& folder) {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(folder)) out.push_back(entry.path().filename().string() + (entry.is_directory() ? "/" : ""));
    std::sort(out.begin(), out.end());
    return out;
  };
  EXPECT_EQ(names(repository("net")), std::vector<std::string>{"tail/"});
  EXPECT_EQ(names(edge_folder("net")), (std::vector<std::string>{"1/", "config.pbtxt", "manifest.json"}));
  EXPECT_EQ(names(edge_folder("net") / "1"), (std::vector<std::string>{"model.compiled/", "model.onnx"}));
  const auto config = read_file(edge_folder("net") / "config.pbtxt");
  (void)prepare("net", split_key("fp32"));
  EXPECT_EQ(read_file(edge_folder("net") / "config.pbtxt"), config);
}

}  // namespace
}  // namespace scissionlite::testing
