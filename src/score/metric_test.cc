#include "score/metric.h"

#include <gtest/gtest.h>

#include "base/test_messages.h"

namespace scissionlite {
namespace {

/// What is said of a command that ends so, when two answers are compared by it.
std::string said_of(const std::string& command) {
  const Tensor one(Dtype::kF32, {1});
  return message_of([&] { (void)make_metric("cmd:" + command)->compare({&one, 1}, {&one, 1}); });
}
#define EXPECT_HAS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

TEST(CommandMetric, ReadsANumber) {
  const Tensor one(Dtype::kF32, {1});
  EXPECT_EQ(make_metric("cmd:echo 0.25 #")->compare({&one, 1}, {&one, 1}), 0.25);
  EXPECT_HAS(said_of("echo two #"), "printed 'two'; expected one number in [0, 1]");
}

TEST(CommandMetric, SaysHowACommandEnded) {
  EXPECT_HAS(said_of("exit 3;"), "ended with exit code 3; expected exit code 0");
  EXPECT_HAS(said_of("no_such_program_of_this_name"), "ended with exit code 127");
  EXPECT_HAS(said_of("kill -9 $$;"), "ended with signal 9 (Killed)");
  EXPECT_HAS(said_of("sh -c 'kill -15 $$'; exit $? #"), "ended with signal 15 (Terminated)");
}

}  // namespace
}  // namespace scissionlite
