// Builds what prometheus-cpp writes as text: families of counters, gauges and histograms.
#pragma once

#include <prometheus/text_serializer.h>

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace scissionlite::server {

class MetricFamilies {
 public:
  using Labels = std::vector<prometheus::ClientMetric::Label>;
  /// Starts one; `add` fills the last.
  void begin(const char* name, const char* help, prometheus::MetricType type) {
    families_.push_back({.name = name, .help = help, .type = type, .metric = {}});
  }
  void add(double value, Labels labels = {}) {
    auto& family = families_.back();
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    if (family.type == prometheus::MetricType::Counter) metric.counter.value = value;
    else metric.gauge.value = value;
    family.metric.push_back(std::move(metric));
  }
  /// @param counts  of each bucket alone, one more than `bounds`.
  void add_histogram(std::span<const double> bounds, std::span<const int64_t> counts, double sum) {
    prometheus::ClientMetric metric;
    uint64_t so_far = 0;
    for (size_t i = 0; i < counts.size(); ++i) {
      so_far += static_cast<uint64_t>(counts[i]);
      metric.histogram.bucket.push_back(
          {.cumulative_count = so_far, .upper_bound = i < bounds.size() ? bounds[i] : std::numeric_limits<double>::infinity()});
    }
    metric.histogram.sample_count = so_far;
    metric.histogram.sample_sum = sum;
    families_.back().metric.push_back(std::move(metric));
  }
  [[nodiscard]] std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace scissionlite::server
