// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/gate.h"

#include <gtest/gtest.h>

#include "catena/fetch/online_state.h"

namespace catena::streaming {
namespace {

constexpr int64_t kNow = 1'790'000'000'000;

class GateTest : public testing::Test {
 protected:
  void SetUp() override {
    static int counter = 0;
    topic_ = {"memory", "", "gate_test_" + std::to_string(counter++)};
    ASSERT_TRUE(topic::CreateTopic(topic_, 1).ok());
    writer_ = *topic::OpenTopicWriter(topic_, clock_);
    store_ = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
    progress_.Register("risk", 1);
  }
  Gate OpenGate(GateKind kind, std::vector<std::string> snapshots = {}) {
    options_.gate = kind;
    ends_ = EndWatch::Open({topic_}, &clock_).value();
    return {{{"risk", {ends_.get(), 0}}}, std::move(snapshots), options_, &progress_, store_.get(),
            std::make_shared<News>()};
  }
  GateTicket Asked(Gate* gate, int64_t query_time) {
    const std::span<const int64_t> times(&query_time, 1);
    AskedLooks asked;
    GateTicket ticket = gate->Ticket(clock_.Now(), times, gate->Ask(&asked));
    while (ends_->Answer(*ticket.looks[0]).value() == nullptr) std::this_thread::yield();
    return ticket;
  }
  // What its look-up answered is known to it.
  GateTicket TicketFor(Gate* gate, int64_t query_time) {
    GateTicket ticket = Asked(gate, query_time);
    EXPECT_TRUE(gate->Check(&ticket, clock_.Now()).ok());
    return ticket;
  }
  ProgressCell& Cell() { return progress_.Cell("risk", 0); }
  void AppendRisk() { ASSERT_TRUE(writer_->Append({{"k", "v", clock_.Now()}}).ok()); }

  SimulatedClock clock_{FromMillis(kNow)};
  topic::TopicAddress topic_;
  std::unique_ptr<topic::TopicWriter> writer_;
  std::unique_ptr<kv::KVStore> store_;
  Progress progress_;
  StreamOptions options_;
  std::unique_ptr<EndWatch> ends_;
};

TEST_F(GateTest, CaughtUpWaitsForWhatWasThereAndForNothingElse) {
  Gate gate = OpenGate(GateKind::kCaughtUp);
  Cell().reached_end = true;
  AppendRisk();
  GateTicket ticket = TicketFor(&gate, kNow);
  AppendRisk();  // After the ticket: not waited for.
  EXPECT_EQ(*gate.Check(&ticket, clock_.Now()), Release::kWait);
  EXPECT_EQ(gate.CompleteUntil(ticket), INT64_MIN);
  Cell().applied = 1;
  EXPECT_EQ(*gate.Check(&ticket, clock_.Now()), Release::kReady);
  EXPECT_EQ(gate.CompleteUntil(ticket), kNow);
}

// Else each of many that wait behind each other would wait anew for a side that is always behind.
TEST_F(GateTest, WhoIsLookedAtLateStillWaitsForNoMore) {
  Gate gate = OpenGate(GateKind::kCaughtUp);
  Cell().reached_end = true;
  AppendRisk();
  GateTicket ticket = Asked(&gate, kNow);
  AppendRisk();
  TicketFor(&gate, kNow);  // Looked up later, and answered before the first one is looked at.
  Cell().applied = 1;
  EXPECT_EQ(*gate.Check(&ticket, clock_.Now()), Release::kReady);
}

TEST_F(GateTest, WatermarkWaitsForTheEventTime) {
  Gate gate = OpenGate(GateKind::kWatermark);
  Cell().reached_end = true;
  GateTicket ticket = TicketFor(&gate, kNow);
  Cell().RaiseWatermark(kNow - 1);
  EXPECT_EQ(*gate.Check(&ticket, clock_.Now()), Release::kWait);
  Cell().RaiseWatermark(kNow);
  EXPECT_EQ(*gate.Check(&ticket, clock_.Now()), Release::kReady);
}

TEST_F(GateTest, LagForcesOnlyAfterTheRightSidesWereThereOnce) {
  Gate gate = OpenGate(GateKind::kCaughtUp);
  AppendRisk();
  GateTicket ticket = TicketFor(&gate, kNow);
  clock_.Advance(10 * options_.lag);
  EXPECT_EQ(*gate.Check(&ticket, clock_.Now()), Release::kWait);
  Cell().reached_end = true;
  EXPECT_EQ(*gate.Check(&ticket, clock_.Now()), Release::kWait);
  clock_.Advance(options_.lag);
  EXPECT_EQ(*gate.Check(&ticket, clock_.Now()), Release::kForced);
}

TEST_F(GateTest, ASideThatIsNeverIdleDoesNotHoldRowsForEver) {
  Gate gate = OpenGate(GateKind::kCaughtUp);
  AppendRisk();
  GateTicket ticket = TicketFor(&gate, kNow);
  AppendRisk();
  EXPECT_EQ(*gate.Check(&ticket, clock_.Now()), Release::kWait);
  Cell().applied = 1;
  EXPECT_EQ(*gate.Check(&ticket, clock_.Now()), Release::kReady);
  GateTicket next = TicketFor(&gate, kNow);
  clock_.Advance(options_.lag);
  EXPECT_EQ(*gate.Check(&next, clock_.Now()), Release::kForced);
}

TEST_F(GateTest, FixedSleepsAsChrononDoes) {
  Gate gate = OpenGate(GateKind::kFixed);
  Cell().reached_end = true;
  GateTicket ticket = TicketFor(&gate, kNow);
  clock_.Advance(options_.lag - Millis{1});
  EXPECT_EQ(*gate.Check(&ticket, clock_.Now()), Release::kWait);
  clock_.Advance(Millis{1});
  EXPECT_EQ(*gate.Check(&ticket, clock_.Now()), Release::kReady);
}

TEST_F(GateTest, SnapshotWaitHoldsForTheUploadOfTheDayButNotForEver) {
  options_.snapshot_wait = Millis{500};
  Gate gate = OpenGate(GateKind::kCaughtUp, {"profiles"});
  Cell().reached_end = true;
  GateTicket ticket = TicketFor(&gate, kNow);
  EXPECT_EQ(*gate.Check(&ticket, clock_.Now()), Release::kWait);
  const Timestamp day = FloorTo(FromMillis(kNow), kDay);
  ASSERT_TRUE(store_->Apply({{}, {fetch::GenerationsMark("profiles", {{day, day, {}}})}}).ok());
  EXPECT_EQ(*gate.Check(&ticket, clock_.Now()), Release::kReady);
  ASSERT_TRUE(store_->Apply({{}, {fetch::GenerationsMark("profiles", {})}}).ok());
  clock_.Advance(Millis{500});
  EXPECT_EQ(*gate.Check(&ticket, clock_.Now()), Release::kReady);
}

}  // namespace
}  // namespace catena::streaming
