// SPDX-License-Identifier: Apache-2.0
// What an operation owes the engine, law by law.
//
// Each law holds for every operation of the catalog, on every input type that it takes, plain, by
// bucket and element-wise, over every kind of values and over none. Nothing here names an
// operation, so a new line of the catalog is held to all of it.
//
//   fold   what Update makes of some rows; + is Merge, - is Remove, 0 an initialised slot
//   =      equal states: equal bytes. Sketches that are no function of the set of their inputs
//          (testing::IsCanonical) owe no more than an answer within their error
//
// Windows, where the same folds meet time: window/*_test.cc.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "catena/aggregate/ir_codec.h"
#include "catena/aggregate/operation_catalog.h"
#include "catena/testing/naive_aggregator.h"
#include "catena/testing/property.h"
#include "catena/testing/random_group_by.h"

namespace catena::aggregate {
namespace {

using testing::GeneratedEvents;

constexpr Timestamp kSince = FromMillis(300'000);

// One aggregation of the catalog, bound.
struct Subject {
  conf::GroupBy group_by;
  RowAggregator rows;

  const conf::Aggregation& aggregation() const { return group_by.aggregations[0]; }
  const Kernel& kernel() const { return *rows.aggregations()[0].kernel; }
  std::string name() const {
    return conf::OutputsOf(group_by)[0].name + " of " + rows.input_schema().ToString() +
           (aggregation().element_wise ? ", element-wise" : "");
  }
};

const std::vector<Subject>& Subjects() {
  static const std::vector<Subject> subjects = [] {
    std::vector<Subject> every;
    for (const conf::Aggregation& aggregation : testing::EveryAggregation()) {
      conf::GroupBy group_by;
      group_by.aggregations = {aggregation};
      RowAggregator rows = RowAggregator::Bind(group_by, testing::EveryType()).value();
      every.push_back(Subject{std::move(group_by), std::move(rows)});
    }
    return every;
  }();
  return subjects;
}

using Rows = std::vector<uint32_t>;

// One case: a subject and the events that it folds.
class Trial {
 public:
  Trial(const Subject& subject, testing::Values values, Random& random)
      : subject_(subject), random_(random) {
    testing::GeneratorOptions options;
    options.columns = subject.rows.input_schema();
    // Now and then enough for what states do only when they grow.
    options.rows = random.Below(random.OneIn(300) ? 600 : random.OneIn(20) ? 60 : 12);
    options.values = values;
    options.begin = random.OneIn(2) ? -options.span / 2 : 1'760'000'000'000;
    events_ = testing::RandomEvents(random, options);
    for (uint32_t row = 0; row < options.rows; ++row) all_.push_back(row);
  }

  const Subject& subject() const { return subject_; }
  const RowAggregator& rows() const { return subject_.rows; }
  Random& random() const { return random_; }
  const GeneratedEvents& events() const { return events_; }
  const Rows& all() const { return all_; }
  KernelInput input() const {
    return rows().InputOf(rows().aggregations()[0], events_.batch, events_.times, events_.orders);
  }
  // Every row is in one of `n` parts, each part in random order.
  std::vector<Rows> RandomParts(size_t n) const {
    Rows shuffled = all_;
    for (size_t i = shuffled.size(); i > 1; --i) {
      std::swap(shuffled[i - 1], shuffled[random_.Below(i)]);
    }
    std::vector<Rows> parts(n);
    for (const uint32_t row : shuffled) parts[random_.Below(n)].push_back(row);
    return parts;
  }

  IR Fold(const Rows& chosen) const {
    IR ir(rows());
    rows().UpdateOne(events_.batch, events_.times, events_.orders, chosen, ir.data());
    return ir;
  }
  IR Sum(const IR& a, const IR& b) const {
    IR sum = a.Clone();
    rows().Merge(sum.data(), b.data());
    return sum;
  }
  std::string Bytes(const IR& ir) const {
    std::string bytes;
    EncodeIr(rows(), ir.data(), kSince, &bytes);
    return bytes;
  }
  types::Value Answer(const IR& ir) const {
    types::Column column(subject_.kernel().output_type());
    const std::byte* irs[] = {ir.data()};
    rows().Finalize(0, irs, &column);
    return column.ValueAt(0);
  }
  types::Value Definition(const Rows& chosen) const {
    constexpr int64_t kAfterAll = int64_t{1} << 60;
    return testing::NaiveOutputs(subject_.group_by, events_.batch, events_.times, events_.orders,
                                 chosen, kAfterAll)[0];
  }

  // `ir` answers what its definition says of `chosen`.
  void ExpectAnswer(const IR& ir, const Rows& chosen) const {
    const types::Value answer = Answer(ir);
    const types::Value definition = Definition(chosen);
    EXPECT_TRUE(testing::AgreesWithNaive(subject_.aggregation(), answer, definition))
        << PrintJson(ToJson(answer)) << " and not " << PrintJson(ToJson(definition));
  }
  // Both are folds of `chosen`.
  void ExpectSame(const IR& a, const IR& b, const Rows& chosen) const {
    if (subject_.kernel().exact()) {
      EXPECT_EQ(Bytes(a), Bytes(b))
          << PrintJson(ToJson(Answer(a))) << " and " << PrintJson(ToJson(Answer(b)));
    } else {
      ExpectAnswer(a, chosen);
      ExpectAnswer(b, chosen);
    }
  }

 private:
  const Subject& subject_;
  Random& random_;
  GeneratedEvents events_;
  Rows all_;
};

// law(trial) for `cases` trials: by seed, every subject, then every subject over the next kind of
// values, and again with other events.
template <typename Law>
void ForEveryOperation(const std::vector<Subject>& subjects, uint64_t cases, Law law) {
  testing::ForSeeds(cases, [&](Random& random, uint64_t seed) {
    const Subject& subject = subjects[seed % subjects.size()];
    constexpr size_t kKinds = std::size(testing::kEveryValues);
    const size_t kind = seed / subjects.size() % kKinds;
    SCOPED_TRACE(subject.name() + ", values of kind " + std::to_string(kind));
    law(Trial(subject, testing::kEveryValues[kind], random));
  });
}

TEST(OperationLaws, HoldForTheWholeCatalog) {
  std::set<conf::Operation> tested;
  for (const Subject& subject : Subjects()) tested.insert(subject.aggregation().operation);
  for (const conf::Operation operation : conf::kEveryOperation) {
    const OperationEntry& entry = *Operations()[static_cast<size_t>(operation)];
    if (!testing::OperationIsAsked(operation)) continue;
    EXPECT_EQ(entry.name, conf::OperationName(operation));
    EXPECT_TRUE(tested.contains(operation))
        << entry.name << " binds to no column of testing::EveryType(): give "
        << "testing::AggregationOf its arguments";
  }
}

// fold(A) is what the words of testing/naive_aggregator.h say of A.
TEST(OperationLaws, TheAnswerIsTheDefinition) {
  ForEveryOperation(Subjects(), 25'000, [](const Trial& trial) {
    trial.ExpectAnswer(trial.Fold(trial.all()), trial.all());
  });
}

// fold() = 0, 0 + A = A = A + 0, and 0 is null.
TEST(OperationLaws, AnEmptyFoldIsTheIdentityAndNull) {
  ForEveryOperation(Subjects(), 5'000, [](const Trial& trial) {
    const IR empty(trial.rows());
    EXPECT_TRUE(trial.rows().IsEmpty(empty.data()));
    EXPECT_TRUE(trial.Answer(empty).is_null());
    EXPECT_EQ(trial.Bytes(trial.Fold({})), trial.Bytes(empty));
    const IR fold = trial.Fold(trial.all());
    EXPECT_EQ(trial.rows().IsEmpty(fold.data()), trial.Bytes(fold) == trial.Bytes(empty));
    if (trial.rows().IsEmpty(fold.data())) {
      EXPECT_TRUE(trial.Definition(trial.all()).is_null());
    }
    trial.ExpectSame(trial.Sum(empty, fold), fold, trial.all());
    trial.ExpectSame(trial.Sum(fold, empty), fold, trial.all());
    IR reset = fold.Clone();
    trial.rows().Reset(reset.data());
    EXPECT_EQ(trial.Bytes(reset), trial.Bytes(empty));
  });
}

// A + B = B + A
TEST(OperationLaws, MergeCommutes) {
  ForEveryOperation(Subjects(), 12'000, [](const Trial& trial) {
    const std::vector<Rows> parts = trial.RandomParts(2);
    const IR a = trial.Fold(parts[0]);
    const IR b = trial.Fold(parts[1]);
    trial.ExpectSame(trial.Sum(a, b), trial.Sum(b, a), trial.all());
  });
}

// (A + B) + C = A + (B + C)
TEST(OperationLaws, MergeAssociates) {
  ForEveryOperation(Subjects(), 12'000, [](const Trial& trial) {
    const std::vector<Rows> parts = trial.RandomParts(3);
    const IR a = trial.Fold(parts[0]);
    const IR b = trial.Fold(parts[1]);
    const IR c = trial.Fold(parts[2]);
    trial.ExpectSame(trial.Sum(trial.Sum(a, b), c), trial.Sum(a, trial.Sum(b, c)), trial.all());
  });
}

// Any split of the rows, in any order, any part stored and read back, merged in any order, is the
// fold of them all.
TEST(OperationLaws, AnySplitIsTheWhole) {
  ForEveryOperation(Subjects(), 15'000, [](const Trial& trial) {
    std::vector<IR> parts;
    for (const Rows& rows : trial.RandomParts(1 + trial.random().Below(6))) {
      parts.push_back(trial.Fold(rows));
      if (trial.random().OneIn(2)) continue;
      auto stored = DecodeIr(trial.rows(), trial.Bytes(parts.back()), kSince);
      ASSERT_TRUE(stored.ok()) << stored.error().message;
      parts.back() = std::move(*stored);
    }
    while (parts.size() > 1) {
      std::swap(parts[trial.random().Below(parts.size())], parts.back());
      const IR from = std::move(parts.back());
      parts.pop_back();
      IR& into = parts[trial.random().Below(parts.size())];
      into = trial.Sum(into, from);
    }
    trial.ExpectSame(parts[0], trial.Fold(trial.all()), trial.all());
    trial.ExpectAnswer(parts[0], trial.all());
  });
}

// Decode(Encode(A)) is A to every call that follows.
TEST(OperationLaws, StoredStatesFoldOn) {
  ForEveryOperation(Subjects(), 12'000, [](const Trial& trial) {
    const std::vector<Rows> parts = trial.RandomParts(2);
    IR kept = trial.Fold(parts[0]);
    const std::string bytes = trial.Bytes(kept);
    auto stored = DecodeIr(trial.rows(), bytes, kSince);
    ASSERT_TRUE(stored.ok()) << stored.error().message;
    EXPECT_EQ(trial.Bytes(*stored), bytes);
    EXPECT_EQ(trial.Answer(*stored), trial.Answer(kept));
    const GeneratedEvents& events = trial.events();
    for (IR* ir : {&kept, &*stored}) {
      trial.rows().UpdateOne(events.batch, events.times, events.orders, parts[1], ir->data());
    }
    trial.ExpectSame(*stored, kept, trial.all());
  });
}

// However the rows reach it: one state at a time, many at once, value by value, any cut of the
// batch, any order.
TEST(OperationLaws, UpdatePathsAgree) {
  ForEveryOperation(Subjects(), 12'000, [](const Trial& trial) {
    const RowAggregator& rows = trial.rows();
    const GeneratedEvents& events = trial.events();
    const std::vector<Rows> parts = trial.RandomParts(1 + trial.random().Below(3));

    // Scattered in one call, in order of the batch.
    IrPool scattered(rows, 4);
    for (size_t i = 0; i < parts.size(); ++i) scattered.New();
    std::vector<std::byte*> targets(trial.all().size());
    for (size_t i = 0; i < parts.size(); ++i) {
      for (const uint32_t row : parts[i]) targets[row] = scattered.at(i);
    }
    rows.Update(events.batch, events.times, events.orders, trial.all(), targets);

    for (size_t i = 0; i < parts.size(); ++i) {
      const IR at_once = trial.Fold(parts[i]);
      IR each(rows), one_by_one(rows), cut(rows);
      rows.Copy(each.data(), scattered.at(i));
      trial.ExpectSame(each, at_once, parts[i]);
      for (const uint32_t row : parts[i]) {
        const types::Batch one = events.batch.Take(std::vector<uint32_t>{row});
        const std::vector<uint32_t> first{0};
        rows.UpdateOne(one, std::span(events.times).subspan(row, 1),
                       std::span(events.orders).subspan(row, 1), first, cut.data());
        const KernelInput input = trial.input();
        if (input.bucket != nullptr || input.column->IsNull(row)) continue;
        trial.subject().kernel().UpdateValue(
            *input.column, row, {events.times[row], events.orders[row]}, one_by_one.data());
      }
      trial.ExpectSame(cut, at_once, parts[i]);
      if (trial.input().bucket == nullptr) trial.ExpectSame(one_by_one, at_once, parts[i]);
    }
  });
}

// Otherwise the laws would hold whoever does not say that they do.
TEST(OperationLaws, ExactIsWhatIsNoSketch) {
  for (const Subject& subject : Subjects()) {
    EXPECT_EQ(subject.kernel().exact(), testing::IsCanonical(subject.aggregation().operation))
        << subject.name();
  }
}

// Rows side by side, cut anywhere, which dense loops may take at once.
TEST(OperationLaws, RangesAreTheirRows) {
  ForEveryOperation(Subjects(), 10'000, [](const Trial& trial) {
    const GeneratedEvents& events = trial.events();
    const auto rows = static_cast<uint32_t>(trial.all().size());
    IR ir(trial.rows());
    for (uint32_t begin = 0; begin < rows;) {
      const auto length = static_cast<uint32_t>(1 + trial.random().Below(rows - begin));
      trial.rows().UpdateRange(events.batch, events.times, events.orders, begin, begin + length,
                               ir.data());
      begin += length;
    }
    trial.ExpectSame(ir, trial.Fold(trial.all()), trial.all());
    trial.ExpectAnswer(ir, trial.all());
  });
}

// (A + B) - B = A, of rows, of states and of values.
TEST(OperationLaws, RemoveUndoesMerge) {
  std::vector<Subject> removable;
  for (const Subject& subject : Subjects()) {
    if (subject.rows.removable()) removable.push_back(subject);
  }
  if (removable.empty()) {
    EXPECT_FALSE(testing::OperationIsAsked(conf::Operation::kSum));
    return;
  }
  ForEveryOperation(removable, 6'000, [](const Trial& trial) {
    const GeneratedEvents& events = trial.events();
    const std::vector<Rows> parts = trial.RandomParts(2);
    const IR kept = trial.Fold(parts[0]);
    IR without_state = trial.Fold(trial.all());
    IR without_rows = without_state.Clone();
    IR without_values = without_state.Clone();
    const Kernel& kernel = trial.subject().kernel();
    kernel.Remove(without_state.data(), trial.Fold(parts[1]).data());
    trial.ExpectSame(without_state, kept, parts[0]);
    trial.rows().RemoveOne(events.batch, events.times, events.orders, parts[1],
                           without_rows.data());
    trial.ExpectSame(without_rows, kept, parts[0]);
    const KernelInput input = trial.input();
    if (input.bucket != nullptr) return;
    for (const uint32_t row : parts[1]) {
      if (!input.column->IsNull(row)) {
        kernel.RemoveValue(*input.column, row, without_values.data());
      }
    }
    trial.ExpectSame(without_values, kept, parts[0]);
  });
}

// Neither finalizing, encoding nor a change of a copy shows in a state.
TEST(OperationLaws, StatesAreValues) {
  ForEveryOperation(Subjects(), 5'000, [](const Trial& trial) {
    const std::vector<Rows> parts = trial.RandomParts(2);
    const IR ir = trial.Fold(parts[0]);
    const std::string bytes = trial.Bytes(ir);
    const types::Value answer = trial.Answer(ir);
    const IR changed = trial.Sum(ir, trial.Fold(parts[1]));
    IR copy = changed.Clone();
    trial.rows().Copy(copy.data(), ir.data());
    EXPECT_EQ(trial.Bytes(copy), bytes);
    EXPECT_EQ(trial.Answer(ir), answer);
    EXPECT_EQ(trial.Bytes(ir), bytes);
  });
}

}  // namespace
}  // namespace catena::aggregate
