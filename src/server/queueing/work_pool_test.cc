#include "server/queueing/work_pool.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>

namespace scissionlite::server {
namespace {

TEST(WorkPool, WhatEndsSlowlyWithItsWorkHoldsUpNobodyWhoSubmits) {
  std::promise<void> may_end, is_ending;
  const auto slow = [&](int*) {
    is_ending.set_value();
    may_end.get_future().wait();
  };
  WorkPool pool(1, 8);
  ASSERT_TRUE(pool.submit([held = std::shared_ptr<int>(new int, [&](int* one) {
                             slow(one);
                             delete one;
                           })] {}));
  is_ending.get_future().wait();
  auto submitted = std::async(std::launch::async, [&] { return pool.submit([] {}); });
  EXPECT_EQ(submitted.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  may_end.set_value();
  EXPECT_TRUE(submitted.get());
}

}  // namespace
}  // namespace scissionlite::server
