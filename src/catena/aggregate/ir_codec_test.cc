// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/ir_codec.h"

#include <gtest/gtest.h>

#include "catena/aggregate/window/upload_ir.h"
#include "catena/testing/property.h"
#include "catena/testing/random_group_by.h"

namespace catena::aggregate {
namespace {

using conf::Operation;
using testing::AggregationOf;

constexpr Timestamp kSince = FromMillis(1000);

std::string Hex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[static_cast<uint8_t>(c) >> 4];
    hex += kDigits[static_cast<uint8_t>(c) & 15];
  }
  return hex;
}

std::string Unhex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

std::string BytesOf(const RowAggregator& rows, const std::byte* ir) {
  std::string bytes;
  EncodeIr(rows, ir, kSince, &bytes);
  return bytes;
}

conf::GroupBy Golden() {
  conf::GroupBy group_by;
  group_by.aggregations = {
      AggregationOf("long", Operation::kSum, {{1, conf::TimeUnit::kHours}}),
      AggregationOf("long", Operation::kCount, {{1, conf::TimeUnit::kHours}}),
      AggregationOf("long", Operation::kAverage, {{1, conf::TimeUnit::kHours}}),
      AggregationOf("double", Operation::kSum, {{7, conf::TimeUnit::kDays}}),
      AggregationOf("double", Operation::kAverage, {{7, conf::TimeUnit::kDays}}),
      AggregationOf("double", Operation::kMin, {{7, conf::TimeUnit::kDays}}),
      AggregationOf("string", Operation::kMax, {}),
      AggregationOf("string", Operation::kFirst, {}),
      AggregationOf("boolean", Operation::kLast, {}),
      AggregationOf("float", Operation::kLast, {})};
  return group_by;
}

// The hex of one operation's IR over `values`, without the version and what is filled.
std::string HexOfOne(const types::DataType& type, const conf::Aggregation& aggregation,
                     const std::vector<types::Value>& values) {
  const types::Schema schema{{{aggregation.input_column, type}}};
  conf::GroupBy group_by;
  group_by.aggregations = {aggregation};
  const RowAggregator rows = RowAggregator::Bind(group_by, schema).value();
  types::BatchBuilder builder(schema);
  std::vector<int64_t> times;
  std::vector<uint64_t> orders;
  std::vector<uint32_t> all;
  for (const types::Value& value : values) {
    EXPECT_TRUE(builder.column(0)->AppendValue(value).ok());
    orders.push_back(all.size());
    times.push_back(static_cast<int64_t>(all.size()));
    all.push_back(static_cast<uint32_t>(all.size()));
  }
  IR ir(rows);
  rows.UpdateOne(builder.Build(), times, orders, all, ir.data());
  return Hex(BytesOf(rows, ir.data())).substr(6);
}

// Two events of one key; the float is always null.
testing::GeneratedEvents GoldenEvents() {
  testing::GeneratedEvents events;
  const types::Schema schema = testing::EveryScalar();
  types::BatchBuilder builder(schema);
  const auto append = [&](int64_t number, double real, const char* text, bool truth) {
    for (size_t i = 0; i < schema.size(); ++i) {
      const std::string& name = schema.fields[i].name;
      types::Value value;
      if (name == "long") value = types::Value(number);
      if (name == "double") value = types::Value(real);
      if (name == "string") value = types::Value(text);
      if (name == "boolean") value = types::Value(truth);
      ASSERT_TRUE(builder.column(i)->AppendValue(value).ok());
    }
  };
  append(-5, 12.5, "ab", true);
  append(300, 0.1, "", false);
  events.batch = builder.Build();
  events.times = {1'000, 300'000'000};
  events.orders = {uint64_t{2} << 48 | 5, 9};
  return events;
}

TEST(IrCodec, GoldenBytes) {
  const RowAggregator rows = RowAggregator::Bind(Golden(), testing::EveryScalar()).value();
  const auto events = GoldenEvents();
  const std::vector<uint32_t> all{0, 1};
  IR ir(rows);
  EXPECT_EQ(Hex(BytesOf(rows, ir.data())), "0300000000");
  rows.UpdateOne(events.batch, events.times, events.orders, all, ir.data());
  EXPECT_EQ(Hex(BytesOf(rows, ir.data())),
            "03ff01"  // Version; all are filled but the last.
            "1e00"    // The second to the fifth have as many inputs as the first.
            "ce0402"
            "ce0400"            // SUM, COUNT, AVERAGE of the long: 295, 2 inputs.
            "897e1a"            // SUM of the double, exactly 12.5 + the double 0.1.
            "897e1a"            // AVERAGE keeps the same.
            "0901"              // MIN: 0.1.
            "026162"            // MAX: "ab".
            "8805026162"        // FIRST: no second later, partition 2, offset 5, "ab".
            "0c189fe1110900");  // LAST: 299,999 seconds later, offset 9, false.
}

TEST(IrCodec, ReadsEarlierVersions) {
  const RowAggregator rows = RowAggregator::Bind(Golden(), testing::EveryScalar()).value();
  const auto events = GoldenEvents();
  const std::vector<uint32_t> all{0, 1};
  IR ir(rows);
  rows.UpdateOne(events.batch, events.times, events.orders, all, ir.data());
  const auto version_2 = DecodeIr(rows,
                                  Unhex("02ff01"
                                        "02ce04"
                                        "02"
                                        "02ce0400"
                                        "021a7e311a"
                                        "021a7e311a"
                                        "0201"
                                        "026162"
                                        "000205026162"
                                        "b0fc8c9e02000900"),
                                  kSince);
  ASSERT_TRUE(version_2.ok()) << version_2.error().message;
  EXPECT_EQ(Hex(BytesOf(rows, version_2->data())), Hex(BytesOf(rows, ir.data())));
  const auto read = DecodeIr(rows,
                             Unhex("01ff01"
                                   "02ce04"
                                   "02"
                                   "02ce0400"
                                   "02020c089a9999999999990c"
                                   "02020c089a9999999999990c"
                                   "9a9999999999b93f"  // Doubles are their bits,
                                   "026162"
                                   "d00f0205026162"  // and times count from 1970.
                                   "808c8d9e02000900"),
                             kSince);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(Hex(BytesOf(rows, read->data())), Hex(BytesOf(rows, ir.data())));
}

TEST(IrCodec, GoldenBytesOfPlainSums) {
  for (const auto operation : {Operation::kSum, Operation::kAverage}) {
    conf::Aggregation aggregation = AggregationOf("v", operation, {});
    aggregation.arguments = {{"sum", "plain"}};
    EXPECT_EQ(HexOfOne(types::Kind::kDouble, aggregation, {12.5, 0.25}),
              "0000000000802940"  // The bits of 12.75.
              "02");              // Inputs.
  }
}

TEST(IrCodec, GoldenBytesOfMoments) {
  using types::Kind;
  const std::vector<types::Value> values{-5.0, 0.5, 300.0, std::nan(""), 0.0};
  // Five inputs, one not finite; then each sum as sized magnitude and place of its least byte,
  // doubled, plus one when negative: 295.5 and 90025.25.
  EXPECT_EQ(HexOfOne(Kind::kDouble, AggregationOf("v", Operation::kVariance, {}), values),
            "0501"
            "0380270103"
            "0440a95f0103");
  EXPECT_EQ(HexOfOne(Kind::kLong, AggregationOf("v", Operation::kKurtosis, {}), {-1, 2}),
            "0200"
            "010100"
            "010500"
            "010700"
            "011100");
  EXPECT_EQ(HexOfOne(Kind::kInt, AggregationOf("v", Operation::kSkew, {}), {-1, 0}),
            "0200"
            "010102"
            "010100"
            "010102");
  EXPECT_EQ(HexOfOne(Kind::kInt, AggregationOf("v", Operation::kVariance, {}), {0}),
            "010000"
            "00");
}

TEST(IrCodec, GoldenBytesOfSeveralValues) {
  using types::Kind;
  const std::vector<types::Value> texts{"b", "a", "b", ""};
  const auto of_text = [&](Operation operation) {
    return HexOfOne(Kind::kString, AggregationOf("v", operation, {}), texts);
  };
  EXPECT_EQ(of_text(Operation::kTopK),
            "03"
            "0162"
            "0162"
            "0161");
  EXPECT_EQ(of_text(Operation::kBottomK),
            "03"
            "00"
            "0161"
            "0162");
  EXPECT_EQ(of_text(Operation::kUniqueTopK),
            "03"
            "0162"
            "0161"
            "00");
  EXPECT_EQ(of_text(Operation::kUniqueCount),
            "03"
            "00"
            "0161"
            "0162");
  EXPECT_EQ(of_text(Operation::kBoundedUniqueCount),
            "03"
            "00"
            "0161"
            "0162");
  EXPECT_EQ(of_text(Operation::kHistogram),
            "03"
            "0001"
            "016101"
            "016202");
  EXPECT_EQ(HexOfOne(Kind::kFloat, AggregationOf("v", Operation::kTopK, {}),
                     {1.0, -std::nan(""), -0.0, 0.0}),
            "03"
            "0000c07f"
            "0000803f"
            "00000000");
}

// Sized sketches as Apache DataSketches writes them: CPC in Java 0.13.4, which Chronon uses; KLL
// and frequent items in Python 5.2.
TEST(IrCodec, GoldenBytesOfSketches) {
  using types::Kind;
  conf::Aggregation aggregation;
  aggregation.input_column = "v";
  aggregation.operation = Operation::kApproxUniqueCount;
  EXPECT_EQ(HexOfOne(Kind::kLong, aggregation, {1, 2, -5}),
            "14"
            "04011008000acc93"  // Ints, version, family, lg_k, column, flags, seed.
            "0300000001000000"  // Three cells in one word.
            "ae7adb03");
  aggregation.operation = Operation::kApproxPercentile;
  EXPECT_EQ(HexOfOne(Kind::kDouble, aggregation, {1.5, -2.0, 300.0}),
            "2c"
            "05010f0280000800"  // Ints, version, family, sorted, k, m.
            "03000000000000008000"
            "0100"  // Three inputs, one level.
            "7d000000"
            "000000c000009643"  // The least and the largest.
            "000000c00000c03f00009643");
  EXPECT_EQ(HexOfOne(Kind::kDouble, aggregation, {1.5}),
            "0c"
            "02020f0680000800"
            "0000c03f");
  aggregation.operation = Operation::kApproxHistogramK;
  EXPECT_EQ(HexOfOne(Kind::kString, aggregation, {"b", "a", "b", ""}),
            "46"
            "04010a0403000000"  // Longs, version, family, largest and present size.
            "0300000000000000"
            "0400000000000000"  // Three items, four inputs, offset 0.
            "0000000000000000"
            "010000000000000001000000000000000200000000000000"
            "00000000"
            "0100000061"
            "0100000062");
}

TEST(IrCodec, GoldenBytesOfListsAndMaps) {
  using types::DataType;
  using types::Kind;
  using types::Value;
  const auto sum = AggregationOf("v", Operation::kSum, {});
  EXPECT_EQ(HexOfOne(DataType::List(Kind::kLong), sum,
                     {types::ValueList{1, Value(), 2}, types::ValueList{}}),
            "0602");
  // Keys in order, each sized and followed by the IR of its values; buckets are the same.
  EXPECT_EQ(HexOfOne(DataType::Map(Kind::kString, Kind::kLong), sum,
                     {types::ValueMap{{"b", 1}, {"a", Value()}}, types::ValueMap{{"", 5}}}),
            "02"
            "000a01"
            "01620201");
}

TEST(IrCodec, GoldenBytesOfWholeValuesAndPositions) {
  using types::Value;
  using types::ValueList;
  using types::ValueMap;
  const auto of = [](const char* type, Operation operation, bool element_wise,
                     const ValueList& values) {
    auto aggregation = AggregationOf("v", operation, {});
    aggregation.element_wise = element_wise;
    return HexOfOne(*types::ParseType(type), aggregation, values);
  };
  // A second earlier, and the order, then the sized cell: it is there; a block of two, each there
  // or null; the end.
  EXPECT_EQ(of("LIST<LONG>", Operation::kLast, false, ValueList(1, ValueList{5, Value()})),
            "0218fc"
            "06"
            "0204"
            "020a"
            "00"
            "00");
  EXPECT_EQ(of("MAP<STRING,BOOLEAN>", Operation::kFirst, false,
               ValueList(1, ValueMap{{"b", true}, {"a", false}})),
            "0218fc"
            "0d"
            "0204"
            "0202610200"
            "0202620201"
            "00");
  EXPECT_EQ(of("LIST<INT>", Operation::kFirstK, false, ValueList(1, ValueList())),
            "01"
            "0218fc"
            "02"
            "0200");
  // Positions, each filled or not, then its IR; no positions when the lengths differ.
  EXPECT_EQ(of("LIST<LONG>", Operation::kSum, true, ValueList(1, ValueList{-3, Value()})),
            "02"
            "010501"
            "00");
  EXPECT_EQ(of("LIST<LONG>", Operation::kSum, true, {ValueList{1}, ValueList{1, 2}}), "00");
}

// Bytes that Store would not write.
TEST(IrCodec, RefusesWholeValuesThatAreNotCanonical) {
  using std::string_view_literals::operator""sv;
  const auto decodes = [](const char* type, std::string_view cell) {
    conf::GroupBy group_by;
    group_by.aggregations = {AggregationOf("v", Operation::kLast, {})};
    const RowAggregator rows =
        RowAggregator::Bind(group_by, types::Schema{{{"v", *types::ParseType(type)}}}).value();
    std::string bytes("\x01\x01\x00\x00\x00", 5);
    AppendSized(&bytes, cell);
    return DecodeIr(rows, bytes, kSince).ok();
  };
  EXPECT_TRUE(decodes("LIST<BYTE>", "\x02\x02\x02\x05\x00"sv));
  EXPECT_FALSE(decodes("LIST<BYTE>", "\x02\x02\x02\x80\x02\x00"sv)) << "out of range";
  EXPECT_FALSE(decodes("LIST<BOOLEAN>", "\x02\x02\x02\x07\x00"sv)) << "neither true nor false";
  EXPECT_FALSE(decodes("LIST<BYTE>", "\x02\x02\x00\x02\x00\x00"sv)) << "two blocks";
  EXPECT_FALSE(decodes("LIST<BYTE>", "\x00"sv)) << "null";
  EXPECT_FALSE(decodes("LIST<BYTE>", "\x02\x00\x00"sv)) << "a tail";
  EXPECT_FALSE(decodes("LIST<BYTE>", "\x02\xfe\xff\xff\xff\x0f"sv)) << "longer than the bytes";
  EXPECT_TRUE(decodes("MAP<STRING,BYTE>", "\x02\x02\x02\x02z\x00\x00"sv));
  EXPECT_FALSE(decodes("MAP<STRING,BYTE>", "\x02\x04\x02\x02z\x00\x02\x02z\x00\x00"sv)) << "twice";
  EXPECT_FALSE(decodes("MAP<STRING,BYTE>", "\x02\x04\x02\x02z\x00\x02\x02y\x00\x00"sv)) << "order";
}

std::string GoldenUpload(const WindowedAggregator& windowed) {
  const auto events = GoldenEvents();
  const std::vector<uint32_t> all{0, 1};
  UploadIr upload(windowed, FromMillis(6 * kDay.count()));
  upload.AddRows(events.batch, events.times, events.orders, all);
  std::string bytes;
  upload.Encode(&bytes);
  return Hex(bytes);
}

TEST(IrCodec, GoldenUploadBytes) {
  const WindowedAggregator windowed =
      WindowedAggregator::Bind(Golden(), testing::EveryScalar()).value();
  EXPECT_EQ(GoldenUpload(windowed),
            "030c00"  // Version, day 6, nothing incomplete.
            "0000"    // One hour: only hops.
            "0000"
            "3800"  // Seven days, collapsed from day 1: the second event.
            "1000"
            "090101"
            "0901"
            "0901"
            "c001"  // Unwindowed: all.
            "0000"
            "026162"
            "8ce8db19e105026162"  // Times count from batchEnd.
            "0c007bfbf20900"
            "00"  // Hops of five minutes.
            "01"
            "9001"
            "3800"  // One of an hour, 144 before batchEnd: the first event.
            "1000"
            "097d01"
            "097d"
            "097d"
            "00");  // Hops of a day.
}

TEST(IrCodec, ReadsUploadsOfEarlierVersions) {
  const WindowedAggregator windowed =
      WindowedAggregator::Bind(Golden(), testing::EveryScalar()).value();
  for (const char* hex : {"020c0000003800"
                          "0118010118010201c001026162af90b1ee030205026162ff93a4d001000900"
                          "0001900138000118"
                          "7d01187d027d00",
                          "010c0000003800"
                          "01020c079a99999999991901020c079a9999999999199a9999999999b93f"
                          "c001026162d00f0205026162808c8d9e02000900"
                          "0001900138000102"
                          "1802800c01021802800c000000000000294000"}) {
    const auto read = UploadIr::Decode(windowed, Unhex(hex));
    ASSERT_TRUE(read.ok()) << read.error().message;
    std::string again;
    read->Encode(&again);
    EXPECT_EQ(Hex(again), GoldenUpload(windowed));
  }
}

// What one IR gives back is in operation_laws_test.cc.
TEST(IrCodec, UploadsGiveBackTheState) {
  testing::ForSeeds(500, [](Random& random) {
    const WindowedAggregator windowed =
        WindowedAggregator::Bind(testing::RandomGroupBy(random, 6), testing::EveryType()).value();
    testing::GeneratorOptions options;
    options.columns = windowed.rows().input_schema();
    options.rows = random.Below(20);
    const auto events = testing::RandomEvents(random, options);
    UploadIr upload(windowed, FromMillis(kDay.count() * random.Between(1, 41)));
    upload.AddRows(events.batch, events.times, events.orders, events.RowsOf(0));
    upload.incomplete = random.Below(3);
    std::string uploaded;
    upload.Encode(&uploaded);
    const auto again = UploadIr::Decode(windowed, uploaded);
    ASSERT_TRUE(again.ok()) << again.error().message;
    std::string twice;
    again->Encode(&twice);
    EXPECT_EQ(twice, uploaded);
    EXPECT_EQ(again->incomplete, upload.incomplete);
    EXPECT_EQ(again->IsEmpty(), upload.IsEmpty());
  });
}

TEST(IrCodec, NamesWhatIsWrong) {
  const RowAggregator rows = RowAggregator::Bind(Golden(), testing::EveryScalar()).value();
  EXPECT_NE(DecodeIr(rows, "", kSince).error().message.find("empty"), std::string::npos);
  EXPECT_NE(DecodeIr(rows, "\x09", kSince).error().message.find("version"), std::string::npos);
  const auto refuses = [&](const char* hex) { return !DecodeIr(rows, Unhex(hex), kSince).ok(); };
  EXPECT_TRUE(refuses("02000000"));
  EXPECT_TRUE(refuses("020080"));
  EXPECT_FALSE(
      refuses("030000"
              "0000"));
  EXPECT_TRUE(refuses("03000000")) << "cut short";
  EXPECT_TRUE(
      refuses("030000"
              "000000"))
      << "bytes follow it";
  EXPECT_TRUE(
      refuses("030080"
              "0000"))
      << "more aggregations than there are";
  EXPECT_FALSE(
      refuses("030300"
              "0200"
              "ce0402"));
  EXPECT_TRUE(
      refuses("030300"
              "0300"
              "ce04"))
      << "the first borrows";
  EXPECT_TRUE(
      refuses("030100"
              "0200"
              "ce0402"))
      << "what is empty borrows";
  EXPECT_TRUE(
      refuses("032100"
              "2000"
              "ce0402"
              "0901"))
      << "what does not count borrows";
  EXPECT_TRUE(
      refuses("030100"
              "0000"
              "ce0400"))
      << "of no inputs";
}

}  // namespace
}  // namespace catena::aggregate
