// SPDX-License-Identifier: Apache-2.0
#include "catena/base/latency_window.h"

#include <gtest/gtest.h>

#include "catena/base/metrics.h"

namespace catena {
namespace {

TEST(LatencyWindowTest, QuantilesAreAtMostSixPercentHighAndNeverLow) {
  LatencyWindow window;
  const Timestamp now = FromMillis(1'000'000'000);
  for (int64_t micros = 1; micros <= 100'000; ++micros) window.Add(now, micros);
  for (const double q : {0.01, 0.5, 0.99, 1.0}) {
    const auto exact = static_cast<double>(q * 100'000);
    const auto told = static_cast<double>(window.Quantile(now, q));
    EXPECT_GE(told, exact);
    EXPECT_LE(told, exact * 1.07);
  }
  EXPECT_EQ(window.Count(now), 100'000u);
}

TEST(LatencyWindowTest, ForgetsAfterTenSeconds) {
  LatencyWindow window;
  window.Add(FromMillis(0), 5);
  EXPECT_EQ(window.Quantile(FromMillis(9'999), 0.99), 5);
  EXPECT_EQ(window.Count(FromMillis(10'000)), 0u);
  EXPECT_EQ(window.Quantile(FromMillis(10'000), 0.99), 0);
}

TEST(MetricsTest, TextNamesWhatWasCounted) {
  Metrics metrics;
  metrics.Count("catena_events_total", {{"stage", "fold"}, {"result", "folded"}}, 3);
  metrics.Observe("catena_fetch_duration_seconds", {}, 0.002);
  const std::string text = metrics.Text();
  EXPECT_NE(text.find("catena_events_total{result=\"folded\",stage=\"fold\"} 3"), std::string::npos)
      << text;
  EXPECT_NE(text.find("catena_fetch_duration_seconds_bucket"), std::string::npos);
}

}  // namespace
}  // namespace catena
