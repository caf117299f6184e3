// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/change_envelope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catena/types/value.h"

namespace catena::topic {
namespace {

using ::testing::HasSubstr;

const types::Schema kColumns{{{"id", types::Kind::kLong},
                              {"mutation_ts", types::Kind::kLong},
                              {"name", types::Kind::kString},
                              {"is_before", types::Kind::kBool}}};

Result<std::unique_ptr<Decoder>> Open(const types::Schema& schema,
                                      const std::string& parameters = "/envelope=debezium") {
  return Decoder::Open(*ParseTopicAddress("memory:t" + parameters, ""), schema);
}

Decoded Decode(const std::vector<std::string>& values) {
  std::vector<Record> records(values.size());
  for (size_t i = 0; i < values.size(); ++i) records[i].value = values[i];
  return *(*Open(kColumns))->Decode(records);
}

std::string Printed(const Decoded& decoded) {
  std::string text;
  for (size_t row = 0; row < decoded.rows.rows(); ++row) {
    text += std::to_string(decoded.record_of_row[row]) + " " +
            PrintJson(types::ToJson(types::Value(types::ValueList(decoded.rows.Row(row))))) + "\n";
  }
  for (const BadRecord& bad : decoded.bad) {
    text += "bad " + std::to_string(bad.record) + ": " + bad.reason + "\n";
  }
  return text;
}

TEST(ChangeEnvelopeTest, BecomesTheRowBeforeAndTheRowAfter) {
  EXPECT_EQ(
      Printed(Decode(
          {R"({"before":null,"after":{"id":1,"name":"a"},"op":"c","ts_ms":5})",
           R"({"ts_ms":6,"after":{"id":1,"name":"b"},"before":{"name":"a","id":1,"x":[1]}})",
           R"({"schema":{"type":"struct"},"payload":{"before":{"id":1,"name":"b"},"after":null,)"
           R"("op":"d","ts_ms":9,"source":{"table":"t","ts_ms":7}}})"})),
      "0 [1,5,\"a\",false]\n"
      "1 [1,6,\"a\",true]\n1 [1,6,\"b\",false]\n"
      "2 [1,7,\"b\",true]\n");
}

TEST(ChangeEnvelopeTest, WhatChangesNoRowGivesNone) {
  EXPECT_EQ(Printed(Decode({"", R"({"schema":{},"payload":null})",
                            R"({"op":"r","before":null,"after":{"id":1},"ts_ms":5})",
                            R"({"op":"m","ts_ms":5,"message":{"prefix":"x"}})"})),
            "");
}

TEST(ChangeEnvelopeTest, ABadRecordIsBadWhole) {
  const Decoded decoded = Decode(
      {R"({"before":{"id":1},"after":{"id":"x"},"ts_ms":5})",    // Half of it could be read.
       R"({"before":{"id":"x"},"after":{"id":"y"},"ts_ms":5})",  // Told once.
       R"({"before":null,"after":{"id":2},"op":"u","ts_ms":5})",
       R"({"before":{"id":1},"after":{"id":2}})", R"({"before":[1],"after":{"id":2},"ts_ms":5})",
       R"({"before":null,"after":null,"ts_ms":5})",
       R"({"before":null,"after":{"id":3},"ts_ms":5})",  // Good.
       R"({"op":"t","before":null,"after":null,"ts_ms":5})",
       R"({"op":"z","before":null,"after":{"id":2},"ts_ms":5})",
       R"({"after":{"id":2},"ts_ms":5,"source":{"db":tru}})", R"({"after":{"id":2},"ts_ms":5} {})",
       "[1]", "nonsense", R"({"payload":5})",
       R"({"payload":{"payload":{"after":{"id":2},"ts_ms":5}}})", R"({"id":1,"name":"a"})"});
  const std::string printed = Printed(decoded);
  EXPECT_THAT(printed, HasSubstr("6 [3,5,null,false]\nbad 0: "));
  EXPECT_THAT(printed, HasSubstr("bad 0: in \"after\": field \"id\" wants LONG"));
  EXPECT_THAT(printed, HasSubstr("bad 1: in \"before\": "));
  EXPECT_THAT(printed, HasSubstr("bad 2: an update or a delete without its before-image"));
  EXPECT_THAT(printed, HasSubstr("bad 3: neither source.ts_ms nor ts_ms"));
  EXPECT_THAT(printed, HasSubstr("bad 4: \"before\" is neither"));
  EXPECT_THAT(printed, HasSubstr("bad 7: a truncation"));
  EXPECT_THAT(printed, HasSubstr("bad 8: an op that is none of"));
  EXPECT_THAT(printed, HasSubstr("bad 10: invalid JSON: bytes follow"));
  EXPECT_THAT(printed, HasSubstr("bad 13: \"payload\" is neither"));
  EXPECT_EQ(decoded.rows.rows(), 1u);
  EXPECT_EQ(decoded.bad.size(), 15u);
}

TEST(ChangeEnvelopeTest, NamesAreEscapedLikeAnyOther) {
  EXPECT_EQ(Printed(Decode({R"({"\u0061fter":{"\u0069d":4},"ts_ms":5})"})), "0 [4,5,null,false]\n");
}

TEST(ChangeEnvelopeTest, TellsWhatItNeeds) {
  EXPECT_THAT(Open(kColumns, "/envelope=maxwell").error().message,
              HasSubstr("write envelope=debezium"));
  EXPECT_THAT(Open({{{"id", types::Kind::kLong}}}).error().message,
              HasSubstr("mutation_ts LONG and is_before BOOLEAN"));
  EXPECT_THAT(Open(kColumns, "/envelope=debezium/serde=avro/schema=x.avsc").error().message,
              HasSubstr("read from JSON records"));
}

}  // namespace
}  // namespace catena::topic
