// What the offloader itself costs on loopback: end to end less head, encode, wire, decode and tail.
#include <iostream>

#include "base/stats.h"
#include "fixture.h"

namespace scissionlite::testing {
namespace {

class Overhead : public DeviceFixture {};

TEST_F(Overhead, IsSmallOnLoopback) {
  if (program().empty()) GTEST_SKIP() << "needs SCISSIONLITE_PROGRAM, the path of the scissionlite program";
  const auto package = prepare("net", split_key("fp32"));
  device::OffloaderOptions options;
  options.edge = "127.0.0.1:" + std::to_string(serve("net"));
  options.threads = 1;
  device::Offloader offloader(package, options);
  std::vector<double> overhead, latency;
  for (uint64_t i = 0; i < 200; ++i) {
    const auto answer = offloader.answer({.name = "p", .bytes = {}, .image = picture(i % 8)});
    ASSERT_EQ(answer.origin, device::Origin::kEdge) << answer.note;
    const auto& p = answer.parts;
    if (i < 20) continue;
    overhead.push_back(answer.latency_us - p.preprocess_us - p.head_us - p.encode_us - p.wire_us - p.edge_decode_us - p.edge_compute_us);
    latency.push_back(answer.latency_us);
  }
  std::cout << "offloader overhead: median " << median(overhead) << " us, p95 " << percentile(overhead, 95) << " us, of " << median(latency)
            << " us end to end\n";
  EXPECT_LE(median(overhead), 3000) << "us; 500 on a quiet machine, which tools/figures/offloader_overhead.py measures";
}

}  // namespace
}  // namespace scissionlite::testing
