// SPDX-License-Identifier: Apache-2.0
#include "catena/fetch/enriched_row.h"

#include <gtest/gtest.h>

#include "catena/types/row_codec.h"

namespace catena::fetch {
namespace {

TEST(EnrichedRowTest, GoldenBytes) {
  std::string bytes;
  EncodeEnrichedRow({-3, 5, true, "row"}, &bytes);
  EXPECT_EQ(bytes, "\x05\x05\x01row");
  const auto row = DecodeEnrichedRow(bytes);
  ASSERT_TRUE(row.ok());
  EXPECT_EQ(row->event_time, -3);
  EXPECT_EQ(row->source_order, 5u);
  EXPECT_TRUE(row->incomplete);
  EXPECT_EQ(row->row, "row");
  EXPECT_FALSE(DecodeEnrichedRow("").ok());
  EXPECT_FALSE(DecodeEnrichedRow("\x05\x05\x07").ok());
  EXPECT_EQ(EnrichedDataset("a.b"), "a_b_ENRICHED");
  EXPECT_EQ(EnrichedShapeMark("a.b", {{{{"k", types::Kind::kLong}}}, {}}).value,
            R"({"keys":[["k","LONG"]],"rows":[]})");
}

TEST(EnrichedRowTest, OfOneTimeTheLastByPartitionAndOffsetIsTheNewest) {
  EXPECT_TRUE((EnrichedRow{2, 1}.IsNewerThan({1, 9})));
  EXPECT_TRUE((EnrichedRow{2, 2}.IsNewerThan({2, 1})));
  EXPECT_FALSE((EnrichedRow{2, 1}.IsNewerThan({2, 1})));
}

TEST(EnrichedRowTest, RowsAreReadByKeyMapsAndWrongOnesAreRefused) {
  auto store = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
  const auto read = [&](const char* keys) {
    return ReadEnrichedRows(store.get(), "j", *ParseJson(keys, "keys"));
  };
  EXPECT_EQ(read("[]").error().code, ErrorCode::kNotFound);
  const EnrichedShape shape{{{{"k", types::Kind::kLong}}},
                            {{{"k", types::Kind::kLong}, {"v", types::Kind::kString}}}};
  types::BatchBuilder builder(shape.rows);
  ASSERT_TRUE(builder.AppendRow(std::vector<types::Value>{7, "seven"}).ok());
  std::string row, key, value;
  const std::vector<size_t> columns = {0, 1};
  types::RowCodec(shape.rows).Encode(builder.Build(), columns, 0, &row);
  types::EncodeKey(std::vector<types::Value>{7}, &key);
  EncodeEnrichedRow({11, 0, false, row}, &value);
  ASSERT_TRUE(store
                  ->Apply({{{EnrichedDataset("j"), key, {kEnrichedInstant, 0, value}}},
                           {EnrichedShapeMark("j", shape)}})
                  .ok());
  const auto rows = read(R"([{"k": 7}, {"k": "8"}, {"k": null}])");
  ASSERT_TRUE(rows.ok()) << rows.error().message;
  EXPECT_EQ(PrintJson((*rows)[0]),
            R"({"complete":true,"event_time":11,"row":{"k":7,"v":"seven"}})");
  EXPECT_TRUE((*rows)[1].is_null());
  EXPECT_TRUE((*rows)[2].is_null());
  EXPECT_NE(read(R"([{"user": 7}])").error().message.find("lacks k"), std::string::npos);
  EXPECT_EQ(read(R"([{"k": "x"}])").error().code, ErrorCode::kInvalidConf);
  EXPECT_EQ(read(R"({"k": 7})").error().code, ErrorCode::kInvalidConf);
}

}  // namespace
}  // namespace catena::fetch
