// SPDX-License-Identifier: Apache-2.0
// Any bytes are one IR of any aggregation of the catalog, or kCorruption; never a state that folds,
// finalizes, removes or encodes worse than any other.
//
//   input   two bytes that choose the aggregation (testing::EveryAggregation), then an IR

#include <cstdint>
#include <string>

#include "catena/aggregate/ir_codec.h"
#include "catena/aggregate/operation_catalog.h"
#include "catena/testing/chosen_subject.h"
#include "catena/testing/naive_aggregator.h"
#include "catena/testing/random_group_by.h"

namespace catena::aggregate {
namespace {

constexpr Timestamp kSince = FromMillis(300'000);

struct Subject {
  RowAggregator rows;
  IR fold;  // Of some events.
  // Whether states have one form each. Of timed operations only when no two inputs share time and
  // source order, which bytes may.
  bool canonical;
};

IR FoldOfEvents(const RowAggregator& rows, Random& random) {
  testing::GeneratorOptions options;
  options.columns = rows.input_schema();
  options.rows = random.Below(8);
  options.keys = 1;
  options.values = testing::RandomKindOfValues(random);
  const auto events = testing::RandomEvents(random, options);
  IR ir(rows);
  rows.UpdateOne(events.batch, events.times, events.orders, events.RowsOf(0), ir.data());
  return ir;
}

const std::vector<Subject>& Subjects() {
  static const std::vector<Subject> subjects = [] {
    std::vector<Subject> every;
    Random random(1);
    for (const conf::Aggregation& aggregation : testing::EveryAggregation()) {
      conf::GroupBy group_by;
      group_by.aggregations = {aggregation};
      RowAggregator rows = RowAggregator::Bind(group_by, testing::EveryType()).value();
      IR fold = FoldOfEvents(rows, random);
      const bool timed = Operations()[static_cast<size_t>(aggregation.operation)]->timed;
      every.push_back(Subject{std::move(rows), std::move(fold),
                              !timed && testing::IsCanonical(aggregation.operation)});
    }
    return every;
  }();
  return subjects;
}

std::string Encoded(const IR& ir) {
  std::string bytes;
  EncodeIr(ir.rows(), ir.data(), kSince, &bytes);
  return bytes;
}

void Finalize(const IR& ir) {
  const BaseAggregation& base = ir.rows().aggregations()[0];
  types::Column column(base.kernel->output_type());
  const std::byte* irs[] = {ir.data()};
  base.kernel->Finalize(irs, base.offset, &column);
  CATENA_CHECK(column.size() == 1, "a state finalizes to one value");
}

void Check(const Subject& subject, std::string_view bytes) {
  IR ir(subject.rows);
  const Status decoded = DecodeIr(subject.rows, bytes, kSince, ir.data());
  CATENA_CHECK(decoded.ok() || decoded.error().code == ErrorCode::kCorruption,
               "what does not decode is corruption");
  Finalize(ir);
  subject.rows.Merge(ir.data(), subject.fold.data());
  Finalize(ir);
  if (!decoded.ok()) return;

  // Decoding gives the same state again, and its bytes are the only ones that it writes.
  const IR again = DecodeIr(subject.rows, bytes, kSince).value();
  const std::string canonical = Encoded(again);
  CATENA_CHECK(Encoded(DecodeIr(subject.rows, canonical, kSince).value()) == canonical,
               "a decoded state encodes to bytes of the same state");
  if (!subject.canonical) return;
  IR turned = subject.fold.Clone();
  subject.rows.Merge(turned.data(), again.data());
  CATENA_CHECK(Encoded(turned) == Encoded(ir), "a decoded state merges either way");
  if (!subject.rows.removable()) return;
  const BaseAggregation& base = subject.rows.aggregations()[0];
  base.kernel->Remove(ir.data() + base.offset, subject.fold.data() + base.offset);
  CATENA_CHECK(Encoded(ir) == canonical, "what was merged into a decoded state is removed again");
}

}  // namespace
}  // namespace catena::aggregate

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t size_max,
                                          unsigned seed) {
  using namespace catena;
  using namespace catena::aggregate;
  return testing::MutateOfSubject(Subjects(), data, size, size_max, seed,
                                  [](const Subject& subject, Random* random) {
                                    return Encoded(FoldOfEvents(subject.rows, *random));
                                  });
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  catena::testing::CheckOfSubject(catena::aggregate::Subjects(), data, size,
                                  catena::aggregate::Check);
  return 0;
}
