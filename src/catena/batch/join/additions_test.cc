// SPDX-License-Identifier: Apache-2.0
// What a Join may have besides its parts: derivations, external parts, bootstrap parts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catena/batch/warehouse_fixture.h"

namespace catena::batch {
namespace {

using ::testing::HasSubstr;

constexpr char kExternals[] = R"(, "onlineExternalParts": [
  {"keyMapping": {"user": "key"}, "prefix": "p", "source": {"metadata": {"name": "a.service"},
    "keySchema": {"kind": 13, "params": [{"name": "key", "dataType": {"kind": 7}},
                                         {"name": "other", "dataType": {"kind": 4}}]},
    "valueSchema": {"kind": 13, "params": [{"name": "score", "dataType": {"kind": 6}}]}}},
  {"source": {"metadata": {"name": "contextual"},
    "keySchema": {"kind": 13, "params": [{"name": "number", "dataType": {"kind": 4}}]},
    "valueSchema": {"kind": 13, "params": [{"name": "number", "dataType": {"kind": 4}},
                                           {"name": "absent", "dataType": {"kind": 7}}]}}},
  {"source": {"metadata": {"name": "tables.too"}, "offlineGroupBy": OFFLINE}}])";

class AdditionsTest : public ::testing::Test, protected TemporaryWarehouse {
 protected:
  void SetUp() override {
    Write("t.queries", "2026-03-02", "request LONG, user STRING, number LONG, ts LONG",
          {{1, "a", 7, At("2026-03-02", 12)},
           {2, "a", 8, At("2026-03-02", 13)},
           {3, "b", Value(), At("2026-03-02", 14)}});
    Write("t.events", "2026-03-02", "user STRING, amount LONG, ts LONG",
          {{"a", 1, At("2026-03-02", 10)}, {"a", 10, At("2026-03-02", 12, 30)}});
  }
  static std::string GroupBy(const std::string& name) {
    return R"({"metaData": {"name": ")" + name + R"("}, "keyColumns": ["user"], "accuracy": 0,
      "aggregations": [{"inputColumn": "amount", "operation": 7},
                       {"inputColumn": "amount", "operation": 6}],
      "sources": [{"events": {"table": "t.events", "query": {"timeColumn": "ts"}}}]})";
  }
  static std::string Join(std::string more) {
    if (const size_t at = more.find("OFFLINE"); at != std::string::npos) {
      more.replace(at, 7, GroupBy("offline.v1"));
    }
    return R"({"metaData": {"name": "j", "outputNamespace": "t"},
      "left": {"events": {"table": "t.queries", "query": {"timeColumn": "ts"}}},
      "joinParts": [{"groupBy": )" +
           GroupBy("gb") + "}]" + more + "}";
  }
  std::string Columns(const std::string& join, const std::vector<std::string>& columns) {
    const auto report = Backfill(context_, ConfOf(join), {Day("2026-03-02"), Day("2026-03-02")});
    return report.ok() ? PrintRows(ReadTable("t.j", columns)) : report.error().message;
  }
};

TEST_F(AdditionsTest, ExternalPartsAreNullsContextsOrOfflineGroupBys) {
  EXPECT_EQ(Columns(Join(kExternals), {"other", "ext_p_a_service_score", "ext_contextual_number",
                                       "ext_contextual_absent", "ext_tables_too_amount_sum"}),
            "[null,null,7,null,1]\n[null,null,8,null,11]\n[null,null,null,null,null]\n");
  EXPECT_EQ(warehouse_->Find("t.j")->SchemaOf()->ToString(),
            "user STRING, ts LONG, request LONG, number LONG, gb_amount_sum LONG, "
            "gb_amount_count LONG, ext_tables_too_amount_sum LONG, "
            "ext_tables_too_amount_count LONG, other LONG, ext_p_a_service_score DOUBLE, "
            "ext_contextual_number LONG, ext_contextual_absent STRING");
  std::string wrong = kExternals;
  wrong.replace(wrong.find(R"([{"name": "number", "dataType": {"kind": 4}},)"), 45,
                R"([{"name": "number", "dataType": {"kind": 7}},)");
  EXPECT_THAT(Columns(Join(wrong), {"ts"}), HasSubstr("number STRING and LONG"));
}

TEST_F(AdditionsTest, DerivationsReadExternalParts) {
  EXPECT_EQ(Columns(Join(std::string(kExternals) + R"json(, "derivations": [
              {"name": "n", "expression": "ext_contextual_number"},
              {"name": "s", "expression": "COALESCE(ext_p_a_service_score, gb_amount_sum)"}],
            "catena": {"sql": {"COALESCE(ext_p_a_service_score, gb_amount_sum)":
                               "COALESCE(ext_p_a_service_score, gb_amount_sum)"}})json"),
                    {"n", "s"}),
            "[7,1.0]\n[8,11.0]\n[null,null]\n");
}

constexpr char kBootstrap[] = R"(, "rowIds": ["request"], "bootstrapParts": [
  {"table": "t.half", "query": {"selects": {"request": "request", "gb_amount_sum": "sum"}}},
  {"table": "t.whole", "keyColumns": ["request", "ds"]}])";

TEST_F(AdditionsTest, BootstrappedValuesWinOverComputedOnes) {
  Write("t.half", "2026-03-02", "request LONG, sum LONG",
        {{1, 100}, {1, 999}, {2, Value()}, {3, Value()}, {Value(), 5}});
  // The same request of another day is another row.
  Write("t.half", "2026-03-01", "request LONG, sum LONG", {{3, 300}});
  Write("t.whole", "2026-03-02", "request LONG, gb_amount_sum LONG, gb_amount_count LONG",
        {{3, Value(), 33}, {2, Value(), Value()}});
  // Of request 2, t.whole brings the whole part, so its nulls count; of 1 the count is computed.
  EXPECT_EQ(Columns(Join(kBootstrap), {"request", "gb_amount_sum", "gb_amount_count"}),
            "[1,100,1]\n[2,null,null]\n[3,null,33]\n");
}

TEST_F(AdditionsTest, APartWhoseNameBeginsLikeAnothersIsBootstrappedAlone) {
  Write("t.whole", "2026-03-02", "request LONG, gb_amount_sum LONG, gb_amount_count LONG",
        {{2, Value(), Value()}});
  std::string join = Join(R"(, "rowIds": ["request"], "bootstrapParts": [{"table": "t.whole"}])");
  join.replace(join.find(R"("joinParts": [)"), 14,
               R"("joinParts": [{"groupBy": )" + GroupBy("gb.amount.of") + "}, ");
  EXPECT_EQ(
      Columns(join, {"request", "gb_amount_sum", "gb_amount_count", "gb_amount_of_amount_sum"}),
      "[1,1,1,1]\n[2,null,null,11]\n[3,null,null,null]\n");
}

TEST_F(AdditionsTest, DerivationsAreComputedFromBootstrappedValuesOrBootstrappedThemselves) {
  Write("t.half", "2026-03-02", "request LONG, sum LONG", {{1, 100}});
  Write("t.whole", "2026-03-02", "request LONG, twice LONG", {{2, -2}});
  EXPECT_EQ(Columns(Join(std::string(kBootstrap) + R"(, "derivations": [
              {"name": "*", "expression": "*"}, {"name": "twice", "expression": "double"}],
            "catena": {"sql": {"double": "gb_amount_sum * 2"}})"),
                    {"request", "gb_amount_sum", "twice"}),
            "[1,100,200]\n[2,11,-2]\n[3,null,null]\n");
}

TEST_F(AdditionsTest, TellsWhatIsWrongWithABootstrapPart) {
  Write("t.whole", "2026-03-02", "request LONG, nobodys LONG", {{1, 1}});
  Write("t.half", "2026-03-02", "request LONG, sum DOUBLE", {{1, 1.0}});
  EXPECT_THAT(Columns(Join(kBootstrap), {"ts"}),
              HasSubstr("the Join has no such column; leave it out of the selects: nobodys (it has "
                        "gb_amount_sum"));
  Write("t.whole", "2026-03-02", "request LONG, gb_amount_count LONG", {{1, 1}});
  EXPECT_THAT(Columns(Join(kBootstrap), {"ts"}), HasSubstr("gb_amount_sum DOUBLE and LONG"));
  Write("t.whole", "2026-03-02", "req LONG", {{1}});
  Write("t.half", "2026-03-02", "request LONG, sum LONG", {{1, 1}});
  EXPECT_THAT(Columns(Join(kBootstrap), {"ts"}),
              HasSubstr("t.whole has no such key column; name those of both in keyColumns"));
  EXPECT_THAT(
      Columns(Join(R"(, "rowIds": ["request"], "bootstrapParts": [{"table": "t.none"}])"), {"ts"}),
      HasSubstr("t.none"));
  const auto refused =
      conf::ParseConf(*ParseJson(Join(R"(, "bootstrapParts": [{"table": "t.half"}])"), "j"), "j");
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("has no keyColumns, and the Join has no rowIds"));
}

TEST_F(AdditionsTest, AnotherBootstrapPartitionMakesTheDayAnew) {
  const auto write = [&](int64_t value) {
    Write("t.given", "2026-03-02", "request LONG, gb_amount_sum LONG", {{1, value}});
  };
  const std::string join = Join(R"(, "rowIds": ["request"], "bootstrapParts": [
    {"table": "t.given", "query": {"selects": {"request": "request",
                                               "gb_amount_sum": "gb_amount_sum"}}}])");
  write(50);
  EXPECT_EQ(Columns(join, {"gb_amount_sum"}), "[50]\n[11]\n[null]\n");
  EXPECT_EQ(OrStop(Backfill(context_, ConfOf(join), {Day("2026-03-02"), Day("2026-03-02")}))
                .steps[0]
                .reused.size(),
            1u);
  write(60);
  EXPECT_EQ(Columns(join, {"gb_amount_sum"}), "[60]\n[11]\n[null]\n");
}

}  // namespace
}  // namespace catena::batch
