// SPDX-License-Identifier: Apache-2.0
// Any bytes are no change of a row, an image, a before-image and its after-image, or a bad record
// with a reason and no image; and no matter to the records beside it.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "catena/base/random.h"
#include "catena/topic/change_envelope.h"
#include "catena/topic/decoder_under_test.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t size_max);

namespace catena::topic {
namespace {

constexpr int kMutationsMost = 4;

const types::Schema& Columns() {
  static const types::Schema schema = SchemaOf(
      {{"id", "LONG"}, {kEnvelopeTime, "LONG"}, {"name", "STRING"}, {kEnvelopeImage, "BOOLEAN"}});
  return schema;
}

Decoder* DecoderUnderTest() {
  static const auto decoder =
      Decoder::Open(ParseTopicAddress("memory:t/envelope=debezium", "").value(), Columns()).value();
  return decoder.get();
}

bool IsBefore(const Decoded& decoded, size_t row) {
  return decoded.rows.Find(kEnvelopeImage)->Values<int8_t>()[row] != 0;
}
int64_t TimeOf(const Decoded& decoded, size_t row) {
  return decoded.rows.Find(kEnvelopeTime)->Values<int64_t>()[row];
}

void Check(const std::string& bytes) {
  const Decoded alone = DecoderUnderTest()->Decode(RecordsOf({bytes})).value();
  const size_t images = alone.rows.rows();
  CATENA_CHECK(images == alone.record_of_row.size(), "each row has its record");
  CATENA_CHECK(alone.bad.size() <= 1 && images <= 2, "a record has two images at most");
  CATENA_CHECK(alone.bad.empty() || images == 0, "a bad record has no image");
  CATENA_CHECK(alone.bad.empty() || !alone.bad[0].reason.empty(), "a bad record has a reason");
  if (images == 2) {
    CATENA_CHECK(IsBefore(alone, 0) && !IsBefore(alone, 1), "the image before comes first");
    CATENA_CHECK(TimeOf(alone, 0) == TimeOf(alone, 1), "both images are of one time");
  }

  const std::string good = R"({"after": {"id": 1}, "op": "c", "ts_ms": 7})";
  const Decoded among = DecoderUnderTest()->Decode(RecordsOf({good, bytes, good})).value();
  CATENA_CHECK(among.rows.rows() == images + 2, "records beside it keep their images");
  CATENA_CHECK(among.record_of_row.front() == 0 && among.record_of_row.back() == 2,
               "records stay in order");
  CATENA_CHECK(among.bad.size() == alone.bad.size(), "it is as bad among others");
  CATENA_CHECK(among.bad.empty() || among.bad[0].record == 1, "and the others are not");
  for (size_t row = 0; row < images; ++row) {
    CATENA_CHECK(among.rows.Row(row + 1) == alone.rows.Row(row), "its images are the same");
  }
}

template <size_t kCount>
std::string_view OneOf(Random* random, const std::string_view (&choices)[kCount]) {
  return choices[random->Below(kCount)];
}

// An envelope as connectors write it, or nearly: members in any order, repeated, missing, of other
// types, the whole under "payload" or not.
std::string RandomEnvelope(Random* random, int depth) {
  constexpr std::string_view kNames[] = {"before", "after",   "op",           "ts_ms",
                                         "source", "payload", "\\u0062efore", "schema"};
  constexpr std::string_view kImages[] = {R"({"id":1,"name":"a"})",
                                          R"({"id":2,"name":null,"more":[{}]})",
                                          R"({"id":"x"})",
                                          "null",
                                          "{}",
                                          R"({"is_before":true,"mutation_ts":9,"id":3})",
                                          "[1]",
                                          "7"};
  constexpr std::string_view kValues[] = {R"("c")",
                                          R"("u")",
                                          R"("d")",
                                          R"("r")",
                                          R"("t")",
                                          R"("m")",
                                          R"("")",
                                          "5",
                                          "null",
                                          "9223372036854775807",
                                          "-1",
                                          "1.5",
                                          R"({"ts_ms":3})",
                                          R"({"ts_ms":0})"};
  std::string json = "{";
  for (uint64_t n = 1 + random->Below(6); n > 0; --n) {
    const std::string_view name = OneOf(random, kNames);
    const bool is_image = name == "before" || name == "after" || name.front() == '\\';
    json += (json.size() > 1 ? ",\"" : "\"") + std::string(name) + "\":";
    if (name == "payload" && depth == 0) {
      json += RandomEnvelope(random, 1);
    } else {
      json += is_image ? OneOf(random, kImages) : OneOf(random, kValues);
    }
  }
  return json + "}";
}

}  // namespace
}  // namespace catena::topic

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  catena::topic::Check(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t size_max,
                                          unsigned seed) {
  catena::Random random(seed);
  if (size == 0 || random.OneIn(2)) {
    const std::string json = catena::topic::RandomEnvelope(&random, 0);
    size = std::min(json.size(), size_max);
    std::copy_n(json.begin(), size, data);
    if (random.OneIn(2)) return size;
  }
  for (uint64_t n = 1 + random.Below(catena::topic::kMutationsMost); n > 0; --n) {
    size = LLVMFuzzerMutate(data, size, size_max);
  }
  return size;
}
