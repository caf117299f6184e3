// SPDX-License-Identifier: Apache-2.0
// Any bytes are one UploadIr of a GroupBy, or kCorruption; one that decodes answers every query and
// encodes to bytes of itself.
//
//   input   two bytes that choose the GroupBy, then an upload

#include <cstdint>
#include <string>

#include "catena/aggregate/window/upload_ir.h"
#include "catena/testing/chosen_subject.h"
#include "catena/testing/random_group_by.h"

namespace catena::aggregate {
namespace {

const std::vector<WindowedAggregator>& Subjects() {
  static const std::vector<WindowedAggregator> subjects = [] {
    std::vector<WindowedAggregator> many;
    Random random(1);
    while (many.size() < 500) {
      many.push_back(WindowedAggregator::Bind(testing::RandomGroupBy(random, 1 + many.size() % 3),
                                              testing::EveryType())
                         .value());
    }
    return many;
  }();
  return subjects;
}

std::string Encoded(const UploadIr& upload) {
  std::string bytes;
  upload.Encode(&bytes);
  return bytes;
}

std::string UploadOfEvents(const WindowedAggregator& windowed, Random& random) {
  testing::GeneratorOptions options;
  options.columns = windowed.rows().input_schema();
  options.rows = random.Below(8);
  options.keys = 1;
  options.begin = random.OneIn(2) ? -options.span / 2 : 1'760'000'000'000;
  options.values = testing::RandomKindOfValues(random);
  const auto events = testing::RandomEvents(random, options);
  UploadIr upload(windowed, FloorTo(FromMillis(options.begin + options.span), kDay));
  upload.AddRows(events.batch, events.times, events.orders, events.RowsOf(0));
  upload.incomplete = random.Below(3);
  return Encoded(upload);
}

void Check(const WindowedAggregator& windowed, std::string_view bytes) {
  const Result<UploadIr> upload = UploadIr::Decode(windowed, bytes);
  if (!upload.ok()) {
    CATENA_CHECK(upload.error().code == ErrorCode::kCorruption,
                 "what does not decode is corruption");
    return;
  }
  const std::string canonical = Encoded(*upload);
  CATENA_CHECK(Encoded(UploadIr::Decode(windowed, canonical).value()) == canonical,
               "a decoded upload encodes to bytes of itself");
  types::BatchBuilder builder(windowed.output_schema());
  IrPool irs(windowed.rows());
  for (const Millis ahead : {Millis{0}, kFiveMinutes, kHour, kDay, 2 * kDay, 400 * kDay}) {
    std::vector<const std::byte*> answers;
    for (size_t w = 0; w < windowed.windows().size(); ++w) {
      std::byte* ir = irs.New();
      upload->MergeInto(w, upload->batch_end() + ahead, ir);
      answers.push_back(ir);
    }
    windowed.AppendRow(answers, &builder);
  }
  CATENA_CHECK(builder.Build().rows() == 6, "every query has an answer");
}

}  // namespace
}  // namespace catena::aggregate

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t size_max,
                                          unsigned seed) {
  using namespace catena;
  using namespace catena::aggregate;
  return testing::MutateOfSubject(Subjects(), data, size, size_max, seed,
                                  [](const WindowedAggregator& windowed, Random* random) {
                                    return UploadOfEvents(windowed, *random);
                                  });
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  catena::testing::CheckOfSubject(catena::aggregate::Subjects(), data, size,
                                  catena::aggregate::Check);
  return 0;
}
