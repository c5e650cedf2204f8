#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/resource.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/test_listener.h"
#include "trace/otlp.h"
#include "trace/recording.h"

namespace scissionlite::trace {
namespace {

constexpr const char* kExample = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";  // of the standard

TEST(Traceparent, TheStandardsExample) {
  const auto context = parse_traceparent(kExample);
  ASSERT_TRUE(context);
  EXPECT_EQ(context->trace_high, 0x4bf92f3577b34da6U);
  EXPECT_EQ(context->trace_low, 0xa3ce929d0e0e4736U);
  EXPECT_EQ(context->span, 0x00f067aa0ba902b7U);
  EXPECT_TRUE(context->is_sampled);
  EXPECT_EQ(traceparent(*context), kExample);
  EXPECT_FALSE(parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")->is_sampled);
}

TEST(Traceparent, LaterVersionsMayBeLonger) {
  EXPECT_TRUE(parse_traceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes"));
  EXPECT_FALSE(parse_traceparent(std::string(kExample) + "-more"));
  EXPECT_FALSE(parse_traceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x"));
}

TEST(Traceparent, WhatIsInvalidIsNoContext) {
  for (const char* bad : {"", "00", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                          "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                          "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
                          "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e47g6-00f067aa0ba902b7-01"})
    EXPECT_FALSE(parse_traceparent(bad)) << bad;
}

TEST(Traceparent, WhatIsWrittenIsRead) {
  EXPECT_TRUE(rc::check([](uint64_t high, uint64_t low, uint64_t span, bool is_sampled) {
    RC_PRE((high != 0 || low != 0) && span != 0);
    const auto back = parse_traceparent(traceparent({high, low, span, is_sampled}));
    RC_ASSERT(back && back->trace_high == high && back->trace_low == low && back->span == span && back->is_sampled == is_sampled);
  }));
  EXPECT_TRUE(rc::check([](const std::string& text) { (void)parse_traceparent(text); }));
}

TEST(Otlp, IdsAreHexadecimalAndLongNumbersText) {
  Span span{.id = 0xab,
            .parent = 0,
            .name = "head\n\xff",
            .kind = Kind::kClient,
            .start_ns = 1'700'000'000'123'456'789,
            .end_ns = 1'700'000'000'123'456'790,
            .attributes = {{"n", int64_t{1} << 60}, {"share", 0.5}, {"late", true}, {"plan", "split/c1/klt"}},
            .error = "why"};
  const Trace trace{.high = 1, .low = 2, .spans = {span}};
  const auto text = otlp_json(std::span(&trace, 1), "scissionlite-device", "camera");
  EXPECT_EQ(text.find('\n'), std::string::npos);
  const auto all = parse_json(text, "otlp");
  const auto& resource = all["resourceSpans"][0];
  EXPECT_EQ(resource["resource"]["attributes"][0], (Json{{"key", "service.name"}, {"value", {{"stringValue", "scissionlite-device"}}}}));
  const auto& json = resource["scopeSpans"][0]["spans"][0];
  EXPECT_EQ(json["traceId"], "00000000000000010000000000000002");
  EXPECT_EQ(json["spanId"], "00000000000000ab");
  EXPECT_FALSE(json.contains("parentSpanId"));
  EXPECT_EQ(json["kind"], 3);
  EXPECT_EQ(json["startTimeUnixNano"], "1700000000123456789");
  EXPECT_EQ(json["attributes"][0]["value"]["intValue"], "1152921504606846976");
  EXPECT_EQ(json["attributes"][2]["value"]["boolValue"], true);
  EXPECT_EQ(json["status"]["code"], 2);
}

/// Takes messages while it is open; fails or blocks as a test says.
struct Desk {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> taken;
  int tries = 0;
  bool is_shut = false, fails = false, fails_for_good = false;
  std::atomic<bool> hangs{false};
  size_t spans() {
    const std::lock_guard lock(mutex);
    size_t out = 0;
    for (const auto& text : taken) out += parse_json(text, "otlp")["resourceSpans"][0]["scopeSpans"][0]["spans"].size();
    return out;
  }
  template <typename Condition>
  bool wait(Condition&& condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(30), condition);
  }
};

class DeskSink final : public Sink {
 public:
  explicit DeskSink(Desk& desk) : desk_(desk) {}
  [[nodiscard]] std::string name() const override { return "desk"; }
  void write(const std::string& otlp_json, const LeftUs& left_us) override {
    while (desk_.hangs && left_us() > 0) Clock::steady().sleep_us(1e3);
    std::unique_lock lock(desk_.mutex);
    ++desk_.tries;
    desk_.changed.notify_all();
    desk_.changed.wait(lock, [&] { return !desk_.is_shut; });
    if (desk_.fails || desk_.fails_for_good) throw TransportError("nobody there", !desk_.fails_for_good);
    desk_.taken.push_back(otlp_json);
    desk_.changed.notify_all();
  }

 private:
  Desk& desk_;
};

std::shared_ptr<const Trace> trace_of(size_t spans) {
  Trace out{.high = 1, .low = 1, .spans = {}};
  out.spans.resize(spans);
  return std::make_shared<const Trace>(std::move(out));
}

ExporterOptions quick() {
  ExporterOptions out;
  out.service = "test", out.every_us = 1e3, out.first_rest_us = 1e3, out.longest_rest_us = 4e3, out.queue_spans = 10, out.batch_spans = 4;
  return out;
}

TEST(Exporter, WritesAllThatWaitsAtItsEnd) {
  Desk desk;
  {
    Exporter exporter(std::make_unique<DeskSink>(desk), quick());
    for (int i = 0; i < 5; ++i) exporter.submit(trace_of(2));
  }
  EXPECT_EQ(desk.spans(), 10U);
}

/// Also with a message that is on its way.
TEST(Exporter, ItsEndIsNotHeldUpByASinkThatHangs) {
  Desk desk;
  desk.hangs = desk.fails = true;
  auto options = quick();
  options.timeout_us = 20e6, options.last_us = 200e3;
  auto exporter = std::make_unique<Exporter>(std::make_unique<DeskSink>(desk), options);
  exporter->submit(trace_of(2));
  Clock::steady().sleep_us(100e3);  // until it is on its way
  exporter->submit(trace_of(2));
  const double start_us = Clock::steady().now_us();
  exporter.reset();
  EXPECT_LT(Clock::steady().now_us() - start_us, 2e6);
}

TEST(Exporter, ASinkThatBlocksHoldsUpNobodyAndTheRestIsCounted) {
  Desk desk;
  desk.is_shut = true;
  Exporter exporter(std::make_unique<DeskSink>(desk), quick());
  exporter.submit(trace_of(2));
  ASSERT_TRUE(desk.wait([&] { return desk.tries == 1; }));      // two are with the sink
  for (int i = 0; i < 1000; ++i) exporter.submit(trace_of(2));  // ten find room; this would not end if it waited
  EXPECT_EQ(exporter.counters().dropped, 1990);
  {
    const std::lock_guard lock(desk.mutex);
    desk.is_shut = false;
    desk.changed.notify_all();
  }
  ASSERT_TRUE(desk.wait([&] { return desk.taken.size() >= 4; }));
  EXPECT_EQ(desk.spans(), 12U);
}

TEST(Exporter, WhatASinkCannotTakeNowIsTriedAgain) {
  Desk desk;
  desk.fails = true;
  Exporter exporter(std::make_unique<DeskSink>(desk), quick());
  exporter.submit(trace_of(3));
  ASSERT_TRUE(desk.wait([&] { return desk.tries >= 3; }));
  EXPECT_EQ(exporter.counters().dropped, 0);
  {
    const std::lock_guard lock(desk.mutex);
    desk.fails = false;
  }
  ASSERT_TRUE(desk.wait([&] { return desk.taken.size() == 1; }));
  EXPECT_EQ(desk.spans(), 3U);
}

TEST(Exporter, WhatASinkWillNeverTakeIsDropped) {
  Desk desk;
  desk.fails_for_good = true;
  Exporter exporter(std::make_unique<DeskSink>(desk), quick());
  exporter.submit(trace_of(3));
  ASSERT_TRUE(desk.wait([&] { return desk.tries >= 1; }));
  {
    const std::lock_guard lock(desk.mutex);
    desk.fails_for_good = false;
  }
  exporter.submit(trace_of(1));
  ASSERT_TRUE(desk.wait([&] { return desk.taken.size() == 1; }));
  EXPECT_EQ(desk.spans(), 1U);
  EXPECT_EQ(exporter.counters().dropped, 3);
}

TEST(HttpSink, Addresses) {
  EXPECT_EQ(make_http_sink("http://127.0.0.1:4318", false)->name(), "collector http://127.0.0.1:4318");
  EXPECT_NO_THROW((void)make_http_sink("http://[::1]:4318/custom/path", false));
  EXPECT_NO_THROW((void)make_http_sink("http://10.1.2.3", true));
  for (const char* bad : {"", "127.0.0.1:4318", "https://127.0.0.1:4318", "http://", "http://:4318", "http://127.0.0.1:0x10",
                          "http://127.0.0.1:99999", "http://user@127.0.0.1:4318", "http://127.0.0.1:4318/a b"})
    EXPECT_THROW((void)make_http_sink(bad, true), InvalidArgument) << bad;
  EXPECT_THROW((void)make_http_sink("http://10.1.2.3:4318", false), InvalidArgument);
}

TEST(HttpSink, NobodyListensIsWorthAnotherTry) {
  try {
    make_http_sink("http://127.0.0.1:1", false)->write("{}", [] { return 5e6; });
    FAIL() << "nothing was thrown";
  } catch (const TransportError& e) {
    EXPECT_TRUE(e.retryable());
    EXPECT_NE(std::string(e.what()).find("cannot be reached"), std::string::npos) << e.what();
  }
}

TEST(FileSink, AFileThatCannotBeWrittenSaysWhy) {
  try {
    (void)make_file_sink("/nowhere/traces.jsonl");
    FAIL() << "nothing was thrown";
  } catch (const ResourceError& e) { EXPECT_NE(std::string(e.what()).find("No such file"), std::string::npos) << e.what(); }
}

/// Waits in the queue of a socket that nobody reads, until there is suddenly no time left.
TEST(HttpSink, ACollectorThatHangsIsLeftWhenTimeIsUp) {
  const testing::SilentListener listener;
  const auto sink = make_http_sink("http://127.0.0.1:" + std::to_string(listener.port()), false);
  const double start_us = Clock::steady().now_us();
  const auto passed_us = [&] { return Clock::steady().now_us() - start_us; };
  EXPECT_THROW(sink->write("{}", [&] { return passed_us() < 200e3 ? 60e6 : 0; }), TransportError);
  EXPECT_LT(passed_us(), 5e6);
}

class FileSinkTest : public ::testing::Test {
 protected:
  ~FileSinkTest() override { fs::remove(file_); }
  [[nodiscard]] std::string content() const { return read_file(file_); }
  const fs::path file_ = fs::path(::testing::TempDir()) / ("traces-" + std::to_string(getpid()) + ".jsonl");
  const LeftUs left_us_ = [] { return 1e6; };
};

TEST_F(FileSinkTest, fault_14_OfALineThatFindsNoRoomNothingStays) {
  const auto sink = make_file_sink(file_);
  sink->write("{\"a\":1}", left_us_);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit little{.rlim_cur = 12, .rlim_max = before.rlim_max};
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &little), 0);
  EXPECT_THROW(sink->write("{\"b\":2}", left_us_), ResourceError);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  (void)signal(SIGXFSZ, handler);
  sink->write("{\"c\":3}", left_us_);
  EXPECT_EQ(content(), "{\"a\":1}\n{\"c\":3}\n");
}

TEST_F(FileSinkTest, fault_13_BehindATornLineANewOneIsBegun) {
  write_file(file_, "{\"a\":1}\n{\"b");
  make_file_sink(file_)->write("{\"c\":3}", left_us_);
  EXPECT_EQ(content(), "{\"a\":1}\n{\"b\n{\"c\":3}\n");
}

TEST(Tracer, SamplesWithItsRateAndFollowsWhatWasDecidedBefore) {
  Tracer tracer({}, 0.25, /*seed=*/3);
  int sampled = 0;
  for (int i = 0; i < 4000; ++i) sampled += tracer.begin().is_sampled ? 1 : 0;
  EXPECT_NEAR(sampled, 1000, 100);
  EXPECT_FALSE(tracer.begin(Context{1, 2, 3, false}).is_sampled);
  EXPECT_TRUE(Tracer({}, 0, 3).begin(Context{1, 2, 3, true}).is_sampled);
  EXPECT_FALSE(Tracer({}, 0, 3).begin().is_sampled);
}

TEST(Recording, StagesAreChildrenOfTheOutermostSpan) {
  Desk desk;
  ManualClock clock;
  clock.sleep_us(500);
  {
    std::vector<std::unique_ptr<Exporter>> exporters;
    exporters.push_back(std::make_unique<Exporter>(std::make_unique<DeskSink>(desk), quick()));
    Tracer tracer(std::move(exporters), 1, /*seed=*/3);
    Recording recording(tracer, Context{1, 2, 0x33, true}, "image", Kind::kInternal, clock);
    uint64_t call = 0;
    {
      Stage stage(&recording, "call", Kind::kClient);
      call = stage.id();
      stage.note("bytes", int64_t{7});
      stage.fail("lost");
      clock.sleep_us(20);
    }
    { const Stage nothing(nullptr, "head"); }
    EXPECT_EQ(recording.context_of(call).span, call);
    recording.submit(clock.now_us() + 5);
  }
  ASSERT_EQ(desk.taken.size(), 1U);
  const auto json = parse_json(desk.taken[0], "otlp");
  const auto& spans = json["resourceSpans"][0]["scopeSpans"][0]["spans"];
  ASSERT_EQ(spans.size(), 2U);
  EXPECT_EQ(spans[0]["parentSpanId"], "0000000000000033");
  EXPECT_EQ(spans[1]["parentSpanId"], spans[0]["spanId"]);
  const auto ns = [](const Json& text) { return std::stoll(text.get<std::string>()); };
  EXPECT_EQ(ns(spans[1]["endTimeUnixNano"]) - ns(spans[1]["startTimeUnixNano"]), 20'000);
  EXPECT_EQ(ns(spans[0]["endTimeUnixNano"]) - ns(spans[0]["startTimeUnixNano"]), 25'000);
  EXPECT_EQ(spans[1]["status"]["message"], "lost");
}

}  // namespace
}  // namespace scissionlite::trace
