// What becomes of a request whose run hangs; answers are tested through the server (tests/server).
#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <future>

#include "graph/graph.h"
#include "onnx/onnx.h"
#include "server/inference/infer_internal.h"

namespace scissionlite::server {
namespace {

constexpr int64_t kMs = 1'000'000;

bool happens(const std::function<bool()>& condition) {
  for (int i = 0; i < 2000 && !condition(); ++i) Clock::steady().sleep_us(10e3);
  return condition();
}

/// A model whose runs wait while a file is there, and one request to it.
class HungInference : public ::testing::Test {
 protected:
  HungInference() {
    Graph graph;
    graph.name = "m";
    graph.opsets = {{"", 13}};
    graph.inputs = {{.name = "x", .dtype = Dtype::kF32, .shape = {kItems}, .has_shape = true, .symbols = {}}};
    graph.outputs = {{.name = "y", .dtype = Dtype::kF32, .shape = {kItems}, .has_shape = true, .symbols = {}}};
    graph.nodes.push_back({.name = "add", .op_type = "Add", .domain = "", .inputs = {"x", "x"}, .outputs = {"y"}, .attributes = {}, .doc = ""});
    fs::create_directories(folder_ / "models" / "m" / "1");
    save_model(graph, folder_ / "models" / "m" / "1" / "model.onnx");
  }
  ~HungInference() override {
    recover();
    model_ = nullptr, repository_ = nullptr;
    fs::remove_all(folder_);
  }
  void serve(int64_t hang_ns) {
    repository_ = std::make_unique<Repository>(std::vector<fs::path>{folder_ / "models"},
                                               ModelOptions{.engine = "hang:" + stop_.string() + ":reference", .threads = 1, .hang_ns = hang_ns});
    repository_->load("m");
    model_ = repository_->find("m", "");
  }
  void hang() const { write_file(stop_, ""); }
  void recover() const { fs::remove(stop_); }

  void ask(std::optional<int64_t> deadline_ns = std::nullopt) {
    auto request = std::make_shared<inference::ModelInferRequest>();
    request->set_model_name("m");
    auto* input = request->add_inputs();
    input->set_name("x"), input->set_datatype("FP32"), input->add_shape(kItems);
    request->add_raw_input_contents(std::string(kItems * sizeof(float), '\0'));
    read_ = request;
    Admission admission{.identity = "test", .ticket = Ticket([this] { is_admitted_ = false; }), .bytes = bytes_.take(kMessageBytes)};
    is_admitted_ = true;
    inference_ = std::make_shared<Inference>(
        InferContext{*repository_, decoders_, access_, /*max_pixels=*/1, /*refusals=*/nullptr, /*observer=*/nullptr, &bytes_, &is_draining_},
        std::move(admission), CallNotes{}, request, deadline_ns, [this](const Reply& reply) {
          const std::lock_guard lock(mutex_);
          EXPECT_FALSE(reply_) << "told twice";
          reply_ = reply;
          inference_ = nullptr;
          return int64_t{0};
        });
    const auto starting = inference_;
    starting->start();
  }
  bool is_told() {
    const std::lock_guard lock(mutex_);
    return reply_.has_value();
  }
  void look_until_told() {
    ASSERT_TRUE(happens([&] {
      model_->tell_dead();
      return is_told();
    }));
  }
  void expect_reply(grpc::StatusCode code, const std::string& words) const {
    EXPECT_EQ(reply_->status.error_code(), code);
    EXPECT_NE(reply_->status.error_message().find(words), std::string::npos) << reply_->status.error_message();
  }

  static constexpr int64_t kItems = 1024, kMessageBytes = kItems * 4 + 100;
  const fs::path folder_ = fs::temp_directory_path() / ("hung_inference_" + std::to_string(getpid())), stop_ = folder_ / "stop";
  std::unique_ptr<Repository> repository_;
  std::shared_ptr<Model> model_;
  WorkPool decoders_{1, 1};
  Access access_;
  BytesInFlight bytes_{1 << 20};
  std::atomic<bool> is_draining_{false}, is_admitted_{false};
  std::weak_ptr<const inference::ModelInferRequest> read_;  // by the run
  std::mutex mutex_;
  std::shared_ptr<Inference> inference_;
  std::optional<Reply> reply_;
};

TEST_F(HungInference, fault_34_ItsBytesCountUntilTheRunEndsAndItsPlaceInTheQuotaIsFree) {
  serve(/*hang_ns=*/50 * kMs);
  hang();
  ask();
  look_until_told();
  expect_reply(grpc::StatusCode::UNAVAILABLE, "the engine hangs: a run has taken longer than 50.0 ms (--hang-secs); retry after");
  EXPECT_GT(reply_->retry_after_us, 0);
  EXPECT_FALSE(is_admitted_);
  EXPECT_GE(bytes_.bytes(), kItems * 4);
  EXPECT_FALSE(read_.expired()) << "the run reads it";
  recover();
  EXPECT_TRUE(happens([&] { return bytes_.bytes() == 0 && read_.expired(); }));
}

TEST_F(HungInference, fault_34_BytesThatNoMoreCanBeCountedStayCountedOnce) {
  serve(/*hang_ns=*/50 * kMs);
  const auto others = bytes_.take((1 << 20) - kMessageBytes);
  hang();
  ask();
  look_until_told();
  EXPECT_EQ(bytes_.bytes(), 1 << 20);
  recover();
  EXPECT_TRUE(happens([&] { return bytes_.bytes() == (1 << 20) - kMessageBytes; }));
}

TEST_F(HungInference, fault_34_WhoeverUnloadsItsModelDoesNotWaitForTheRun) {
  serve(/*hang_ns=*/60'000 * kMs);
  hang();
  ask(Clock::steady().now_ns() + 50 * kMs);
  look_until_told();
  expect_reply(grpc::StatusCode::DEADLINE_EXCEEDED, "the deadline passed while the request ran");
  auto unloaded = std::async(std::launch::async, [&] {
    model_ = nullptr;
    repository_->unload("m");
  });
  EXPECT_EQ(unloaded.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  recover();
}

TEST_F(HungInference, fault_34_TheEndOfTheServerIsTold) {
  serve(/*hang_ns=*/60'000 * kMs);
  hang();
  ask();
  const auto asked = inference_;
  ASSERT_TRUE(happens([&] { return !model_->batcher().is_idle() && model_->batcher().waiting() == 0; }));
  asked->cancel();
  model_->tell_dead();
  EXPECT_FALSE(is_told()) << "it is the caller who has gone";
  is_draining_ = true;
  asked->cancel();
  model_->tell_dead();
  ASSERT_TRUE(is_told());
  expect_reply(grpc::StatusCode::UNAVAILABLE, "the server is shutting down");
}

TEST_F(HungInference, fault_34_RequestsToAModelThatWasUnloadedAreToldTheirDeadlineToo) {
  serve(/*hang_ns=*/60'000 * kMs);
  hang();
  ask(Clock::steady().now_ns() + 50 * kMs);
  model_ = nullptr;
  repository_->unload("m");
  EXPECT_TRUE(happens([&] {
    repository_->end_unused();
    return is_told();
  }));
  recover();
}

}  // namespace
}  // namespace scissionlite::server
