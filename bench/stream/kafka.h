// SPDX-License-Identifier: Apache-2.0
// The load on a broker, and the floor under every latency: plain librdkafka, nothing of catena.
//
//   errors   any of librdkafka's ends the program: a run with holes measures nothing
//   threads  each call blocks its own

#pragma once

#include <string>

#include "bench/stream/schedule.h"

namespace catena::bench {

struct Load {
  std::string brokers;
  std::string payments;  // Topics.
  std::string risks;
  int payment_partitions = 1;
  int risk_partitions = 1;
  int64_t users = 1;
  int64_t merchants = 1;
  int64_t payments_per_risk = 20;
  int64_t hot_every = 0;  // How many payments, until one is of user 0; 0: none is.
  uint64_t seed = 1;
};

// A first score of every merchant; returns when the broker has them all.
void ProduceFirstRisks(const Load& load, int64_t now_millis);
// Open loop: what is due is sent, whoever keeps up. A score takes effect a second after it was
// sent, so that none arrives after a payment that it counts for.
Json ProduceOnSchedule(const Load& load, const Schedule& schedule);
// Consumes every payment; latencies are those of the probes.
Json ConsumeAll(const Load& load, const Schedule& schedule);

}  // namespace catena::bench
