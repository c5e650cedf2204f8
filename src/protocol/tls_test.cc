#include "protocol/tls.h"

#include <gtest/gtest.h>

namespace scissionlite::protocol {
namespace {

TEST(IsLoopback, IsOfTheWholeHost) {
  for (const char* own :
       {"localhost", "localhost:8001", "127.0.0.1", "127.0.0.1:0", "127.3.2.1:8001", "::1", "[::1]:8001", "[::1]", "unix:/tmp/hub", "unix:hub"})
    EXPECT_TRUE(is_loopback(own)) << own;
  for (const char* reached : {"localhost.example:8001", "localhost1", "127.0.0.1.example:8001", "127.example", "127.1", "0.0.0.0:8001",
                              "::", "[::]:8001", "[::1", "::1.example:1", "10.0.0.1:8001", "", ":8001", "[::12]:80"})
    EXPECT_FALSE(is_loopback(reached)) << reached;
}

}  // namespace
}  // namespace scissionlite::protocol
