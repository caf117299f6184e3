// SPDX-License-Identifier: Apache-2.0
// The verbs over tables as they are meant to be used, and what is said when they are not.
#include <gtest/gtest.h>

#include <algorithm>

#include "catena/base/json.h"
#include "catena/cli/binary_under_test.h"

namespace catena::cli {
namespace {

namespace fs = std::filesystem;

class BatchVerbsTest : public testing::Test, protected BinaryUnderTest {
 protected:
  void SetUp() override {
    std::string csv = "user_id,amount,ts,ds\n";
    for (int day = 0; day < 4; ++day) {
      const std::string ds = "2025-11-2" + std::to_string(day);
      const long noon = 1763640000000L + day * 86400000L;
      csv += "7," + std::to_string(day) + ".5," + std::to_string(noon) + "," + ds + "\n";
      csv += "7,1," + std::to_string(noon + 1) + "," + ds + "\n";
      csv += "8,," + std::to_string(noon + 2) + "," + ds + "\n";
    }
    Write("orders.csv", csv);
    const Outcome loaded = Catena("table load orders.csv shop.orders");
    ASSERT_EQ(loaded.code, 0) << loaded.err;
  }
  Outcome Good(const std::string& arguments) const {
    Outcome outcome = Catena(arguments);
    EXPECT_EQ(outcome.code, 0) << arguments << "\n" << outcome.err;
    return outcome;
  }
  // One line on stderr with every one of `parts`.
  void Wrong(const std::string& arguments, int code, const std::vector<std::string>& parts) {
    const Outcome outcome = Catena(arguments);
    EXPECT_EQ(outcome.code, code) << arguments << "\n" << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    for (const std::string& part : parts) {
      EXPECT_TRUE(Has(outcome.err, part)) << arguments << ": wants " << part << " in\n"
                                          << outcome.err;
    }
  }
  static bool Has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }
  std::vector<Json> Reports() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder_ + "/warehouse/_reports")) {
      files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    std::vector<Json> reports;
    for (const fs::path& file : files) {
      reports.push_back(*ParseJson(Read(file.lexically_relative(folder_).string()), "report"));
    }
    return reports;
  }

  const std::string conf_ = " --conf-path group_bys/shop/spend.v1 ";
};

TEST_F(BatchVerbsTest, EveryRunLeavesAReportAndADryRunNone) {
  const std::string dry = Good("group-by-backfill --dry-run --end-date 2025-11-21" + conf_).out;
  EXPECT_TRUE(Has(dry, "compute 2025-11-20..2025-11-21 (missing)")) << dry;
  EXPECT_TRUE(Has(dry, "about   reads 6 rows, ")) << dry;
  EXPECT_FALSE(fs::exists(folder_ + "/warehouse/_reports"));
  Good("group-by-backfill --end-date 2025-11-21" + conf_);
  Wrong("group-by-backfill --end-date 2025-11-29" + conf_, 1, {"shop.orders", "--allow-holes"});
  const std::vector<Json> reports = Reports();
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0]["name"], "shop.spend.v1");
  EXPECT_TRUE(reports[0]["error"].is_null());
  EXPECT_EQ(reports[0]["steps"][0]["computed"], Json::array({"2025-11-20", "2025-11-21"}));
  EXPECT_TRUE(Has(reports[1]["error"], "shop.orders")) << reports[1];
  EXPECT_TRUE(reports[1]["steps"].empty());
}

TEST_F(BatchVerbsTest, StepDaysComputeTheSameDaysOneAfterAnother) {
  Good("group-by-backfill --end-date 2025-11-23 --step-days 3 --report r.json" + conf_);
  const Json steps = (*ParseJson(Read("r.json"), "report"))["steps"];
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0]["computed"].size(), 3u);
  EXPECT_EQ(steps[1]["computed"], Json::array({"2025-11-23"}));
}

TEST_F(BatchVerbsTest, HolesAreRefusedAndOnlyAllowedByName) {
  fs::remove_all(folder_ + "/warehouse/shop.db/orders/ds=2025-11-21");
  Wrong("group-by-backfill --end-date 2025-11-23" + conf_, 1,
        {"lacks partitions", "shop.orders: 2025-11-21", "--allow-holes"});
  const Outcome allowed = Good("group-by-backfill --end-date 2025-11-23 --allow-holes" + conf_);
  EXPECT_TRUE(Has(allowed.out, "count as days without rows: shop.orders: 2025-11-21"))
      << allowed.out;
}

TEST_F(BatchVerbsTest, SeveralConfsAreOneJob) {
  std::string other = kOrdersConf;
  other.replace(other.find("shop.spend.v1"), 13, "shop.other.v1");
  Write("production/group_bys/shop/other.v1", other);
  const std::string with = conf_ + "--with group_bys/shop/other.v1 --end-date 2025-11-21";
  const std::string dry = Good("group-by-backfill --dry-run" + with).out;
  EXPECT_TRUE(Has(dry, "shop_spend_v1") && Has(dry, "shop_other_v1")) << dry;
  Good("group-by-backfill" + with);
  const std::vector<Json> reports = Reports();
  ASSERT_EQ(reports.size(), 1u);
  ASSERT_EQ(reports[0]["steps"].size(), 2u);
  EXPECT_EQ(reports[0]["steps"][1]["computed"], Json::array({"2025-11-20", "2025-11-21"}));
  Good("group-by-backfill --step-days 1 --recompute --report r.json" + with);
  std::vector<std::string> done;
  const auto stepped = ParseJson(Read("r.json"), "report");
  for (const Json& step : (*stepped)["steps"]) {
    done.push_back(step["name"].get<std::string>() + " " + PrintJson(step["computed"]));
  }
  EXPECT_EQ(done, (std::vector<std::string>{
                      R"(shop.spend.v1 ["2025-11-20"])", R"(shop.other.v1 ["2025-11-20"])",
                      R"(shop.spend.v1 ["2025-11-21"])", R"(shop.other.v1 ["2025-11-21"])"}));
  Wrong("group-by-backfill --with group_bys/shop/absent.v1" + conf_, 2, {"absent"});
}

TEST_F(BatchVerbsTest, AChangedDefinitionIsComputedAgainUnlessTheHashIsUnset) {
  Good("group-by-backfill --end-date 2025-11-23" + conf_);
  std::string changed = kOrdersConf;
  changed.replace(changed.find("\"length\": 1"), 11, "\"length\": 2");
  Write("production/group_bys/shop/spend.v1", changed);
  const std::string plan = Good("group-by-backfill --dry-run --end-date 2025-11-23" + conf_).out;
  EXPECT_TRUE(Has(plan, "(stale: another definition)")) << plan;
  Wrong("group-by-backfill --dry-run --unset-semantic-hash --end-date 2025-11-23" + conf_, 2,
        {"--unset-semantic-hash", "--dry-run"});
  const std::string kept =
      Good("group-by-backfill --unset-semantic-hash --end-date 2025-11-23" + conf_).out;
  EXPECT_TRUE(Has(kept, "computed 0 (none), reused 4")) << kept;
}

TEST_F(BatchVerbsTest, RunIsTheVerbThatModeAndConfMean) {
  const std::string run = "run --conf group_bys/shop/spend.v1 --mode ";
  EXPECT_TRUE(Has(Good(run + "backfill --ds 2025-11-21 -- --dry-run").out, "compute 2025-11-20"));
  const std::string range = Good(run + "backfill --start-ds 2025-11-21 --end-ds 2025-11-22").out;
  EXPECT_TRUE(Has(range, "computed 2 (2025-11-21..2025-11-22)")) << range;
  EXPECT_TRUE(Has(Good(run + "upload --ds 2025-11-22").out, "upload shop.spend.v1"));
  EXPECT_TRUE(Has(Good(run + "fetch -- --key-json '{\"user_id\": 7}'").out, "features"));
  EXPECT_TRUE(Has(Good(run + "analyze --ds 2025-11-22").out, "keys (user_id): 2 distinct"));
  Wrong("run --conf group_bys/shop/spend.v1", 2, {"--mode is required"});
  Wrong("run --mode backfill", 2, {"--conf is required"});
  Wrong(run + "consistency", 2, {"--mode", "backfill, label-join", "consistency"});
  Wrong(run + "fetch --ds 2025-11-22", 2, {"--mode fetch takes no --ds"});
  Wrong("run --mode backfill --conf nope", 2, {"nope", "catena compile"});
}

TEST_F(BatchVerbsTest, LabelsAreJoinedBackToTheirRows) {
  Write("production/joins/shop/labeled.v1", R"({
    "metaData": {"name": "shop.labeled.v1", "outputNamespace": "shop"},
    "left": {"events": {"table": "shop.orders", "query": {"timeColumn": "ts"}}},
    "joinParts": [],
    "labelPart": {"leftStartOffset": 2, "leftEndOffset": 2, "labels": [{"groupBy": {
      "metaData": {"name": "later"}, "keyColumns": ["user_id"],
      "sources": [{"events": {"table": "shop.orders", "query": {"timeColumn": "ts"}}}],
      "aggregations": [{"inputColumn": "amount", "operation": 7,
                        "windows": [{"length": 2, "timeUnit": 1}]}]}}]}})");
  const std::string conf = " --conf-path joins/shop/labeled.v1 ";
  const std::string plan = Good("label-join --dry-run --end-date 2025-11-22" + conf).out;
  EXPECT_TRUE(Has(plan, "-> shop.shop_labeled_v1_labels/label_ds=2025-11-22")) << plan;
  EXPECT_TRUE(Has(plan, "compute 2025-11-21 (missing)")) << plan;
  Good("label-join --end-date 2025-11-22" + conf);
  Good("run --mode label-join --ds 2025-11-23 --conf joins/shop/labeled.v1");
  const std::string select =
      "\"SELECT DISTINCT ds, label_ds, user_id, label_later_amount_sum_2d FROM "
      "shop.shop_labeled_v1_labeled_latest ORDER BY ALL\"";
  EXPECT_EQ(Good("sql " + select).out,
            "ds,label_ds,user_id,label_later_amount_sum_2d\n"
            "2025-11-21,2025-11-22,7,6.0\n2025-11-21,2025-11-22,8,\n"
            "2025-11-22,2025-11-23,7,8.0\n2025-11-22,2025-11-23,8,\n");
  Wrong("label-join --end-date 2025-11-22" + conf_, 2, {"labelPart", "shop.spend.v1"});
  Wrong("run --mode label-join --conf group_bys/shop/spend.v1", 2, {"is of a Join"});
  const std::string halves = " --ds 2025-11-23 --conf joins/shop/labeled.v1";
  Good("run --mode backfill-left" + halves);
  EXPECT_TRUE(Has(Good("run --mode backfill-final" + halves).out, "computed 0 (none), reused"));
  const std::string verbs = " --conf-path joins/shop/labeled.v1 --end-date 2025-11-23";
  EXPECT_TRUE(Has(Good("join-left" + verbs + " --recompute").out, "it was asked for"));
  EXPECT_TRUE(Has(Good("join-final" + verbs).out, "computed 0 (none), reused"));
}

TEST_F(BatchVerbsTest, AnalyzeCountsKeysHeavyHittersAndNulls) {
  const std::string analyze = "analyze group_bys/shop/spend.v1 --end-date 2025-11-23 ";
  const std::string text = Good(analyze).out;
  EXPECT_TRUE(Has(text, "source of shop.spend.v1, table shop.orders: 12 rows, 4 days")) << text;
  EXPECT_TRUE(Has(text, "8 rows  66.67%")) << text;
  EXPECT_TRUE(Has(text, "33.33% null")) << text;
  EXPECT_TRUE(Has(text, "A backfill would do:\n1. group_by shop.spend.v1")) << text;
  const Json json = *ParseJson(Good(analyze + "--json --heavy-hitters 1").out, "analyze");
  EXPECT_EQ(json["rows"][0]["keys"][0]["heavy"], Json::parse(R"([{"key": "7", "rows": 8}])"));
  EXPECT_EQ(json["rows"][0]["columns"][0], Json::parse(R"({"name": "amount", "type": "DOUBLE",
                                                          "nulls": 4})"));
  EXPECT_EQ(json["plan"]["steps"][0]["estimate"]["rows_read"], 12);
  const Json sampled = *ParseJson(Good(analyze + "--json --sample 0.5").out, "analyze");
  EXPECT_EQ(sampled["rows"][0]["rows"], 12);
  EXPECT_GT(sampled["rows"][0]["keys"][0]["rows"], 0);
  EXPECT_LT(sampled["rows"][0]["keys"][0]["rows"], 12);
  EXPECT_EQ(sampled, *ParseJson(Good(analyze + "--json --sample 0.5").out, "analyze"));
  Wrong("analyze group_bys/shop/spend.v1 --sample 0", 2, {"--sample is a share"});
  Wrong("analyze group_bys/shop/spend.v1 --sample nan", 2, {"--sample"});
  Wrong("analyze nope", 2, {"nope"});
  Wrong("analyze group_bys/shop/spend.v1 --heavy-hitters -1", 2, {"--heavy-hitters"});
}

TEST_F(BatchVerbsTest, SqlReadsInThreeFormatsIntoFilesAndNeverWritesElsewhere) {
  const std::string select =
      "'SELECT user_id, count(*) AS n, max(ds) AS last FROM shop.orders "
      "GROUP BY 1 ORDER BY 1;'";
  EXPECT_EQ(Good("sql " + select).out, "user_id,n,last\n7,8,2025-11-23\n8,4,2025-11-23\n");
  EXPECT_EQ(Good("sql --format table " + select).out,
            "user_id  n  last\n      7  8  2025-11-23\n      8  4  2025-11-23\n");
  EXPECT_EQ(Good("sql --json " + select).out,
            "{\"last\":\"2025-11-23\",\"n\":8,\"user_id\":7}\n"
            "{\"last\":\"2025-11-23\",\"n\":4,\"user_id\":8}\n");
  Good("sql --output out.csv " + select);
  EXPECT_TRUE(Has(Read("out.csv"), "8,4,"));
  Wrong("sql --output out.csv 'SELECT amuont FROM shop.orders'", 2, {"amuont"});
  EXPECT_TRUE(Has(Read("out.csv"), "8,4,"));
  Good("sql --output out.parquet " + select);
  EXPECT_EQ(Read("out.parquet").substr(0, 4), "PAR1");
  EXPECT_TRUE(Has(Good("sql 'SHOW ALL TABLES'").out, "orders"));
  EXPECT_TRUE(Has(Good("sql 'SUMMARIZE shop.orders'").out, "amount"));
  for (const char* text : {"DROP VIEW shop.orders", "COPY (SELECT 1) TO '\"$PWD\"/warehouse/x.csv",
                           "CREATE TABLE t AS SELECT 1", "SELECT 1; SELECT 2",
                           "EXPLAIN ANALYZE SELECT 1", "PRAGMA version", "ATTACH 'x.db'"}) {
    const Outcome refused = Catena("sql \"" + std::string(text) + "\"");
    EXPECT_EQ(refused.code, 2) << text << refused.out << refused.err;
    EXPECT_EQ(refused.out, "") << text;
  }
  EXPECT_FALSE(fs::exists(folder_ + "/warehouse/x.csv"));
  Wrong("sql 'SELECT 1' --output no/such/x.csv", 2, {"--output", "no/such"});
  Wrong("sql 'SELECT 1' --format xml", 2, {"csv, json, table", "xml"});
  Wrong("sql 'SELECT amuont FROM shop.orders'", 2, {"amuont"});
  Wrong("sql \"SELECT * FROM read_text('/etc/passwd')\"", 2, {"/etc/passwd"});
}

TEST_F(BatchVerbsTest, SqlThatFailsMidwayLeavesTheFileAsItWas) {
  Write("select.sql",
        "SELECT CAST(CASE WHEN i = 299999 THEN 'boom' ELSE '1' END AS INT) AS n FROM "
        "range(300000) AS t(i)");
  fs::create_directory(folder_ + "/out");
  for (const std::string name : {"x.csv", "x.parquet"}) {
    const std::string sql = "sql --output out/" + name + " - <" + folder_ + "/select.sql";
    Wrong(sql, 1, {"boom"});
    EXPECT_TRUE(fs::is_empty(folder_ + "/out")) << name;
    Write("out/" + name, "old");
    fs::create_symlink(name, folder_ + "/out/link-" + name);
    Wrong("sql --output out/link-" + name + " - <" + folder_ + "/select.sql", 1, {"boom"});
    EXPECT_EQ(Read("out/" + name), "old");
    Good("sql --output out/link-" + name + " 'SELECT 1 AS n'");
    EXPECT_TRUE(fs::is_symlink(folder_ + "/out/link-" + name));
    EXPECT_NE(Read("out/" + name), "old");
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_ + "/out"), {}), 2) << name;
    fs::remove_all(folder_ + "/out");
    fs::create_directory(folder_ + "/out");
  }
  Good("sql --output /dev/null 'SELECT 1 AS n'");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  if (!fs::exists("/dev/full")) return;
  Wrong("sql --output /dev/full 'SELECT 1 AS n'", 75, {"--output", "/dev/full"});
}

TEST_F(BatchVerbsTest, EvalAnswersAndComparesRows) {
  Write("rows.yaml",
        "tables:\n"
        "  shop.orders:\n"
        "    - {user_id: 7, amount: 2, ts: 2025-11-20 10:00}\n"
        "    - {user_id: 7, amount: 3.5, ts: 2025-11-20 11:00:00.250}\n"
        "expect:\n"
        "  - {user_id: 7, amount_sum_1d: 5.5, ds: 2025-11-20}\n");
  EXPECT_EQ(Good("eval group_bys/shop/spend.v1 --rows rows.yaml").out,
            "user_id,amount_sum_1d,ds\n7,5.5,2025-11-20\n");
  Write("shop.orders.csv", "user_id,amount,ts\n7,4,2025-11-19 23:59:59\n");
  Write("queries.csv", "user_id,ts\n7,2025-11-20 12:00\n9,2025-11-20 12:00\n");
  EXPECT_EQ(
      Good("eval group_bys/shop/spend.v1 --rows shop.orders.csv --rows queries.csv --json").out,
      "{\"amount_sum_1d\":4.0,\"ts\":1763640000000,\"user_id\":7}\n"
      "{\"amount_sum_1d\":null,\"ts\":1763640000000,\"user_id\":9}\n");
  const Outcome wrong = Catena("eval group_bys/shop/spend.v1 --rows rows.yaml --rows queries.csv");
  EXPECT_EQ(wrong.code, 1);
  EXPECT_TRUE(Has(wrong.err, "1 rows expected, got 2")) << wrong.err;
}

TEST_F(BatchVerbsTest, EvalKeepsMutationsOnTheDayThatTheyHappened) {
  Write("production/group_bys/shop/limits.v1",
        R"({"metaData": {"name": "shop.limits.v1", "outputNamespace": "shop"},
        "keyColumns": ["user"], "accuracy": 0,
        "sources": [{"entities": {"snapshotTable": "shop.cards", "mutationTable": "shop.changes",
          "query": {"timeColumn": "ts"}}}],
        "aggregations": [{"inputColumn": "most", "operation": 1}]})");
  Write("rows.yaml",
        "tables:\n"
        "  shop.cards:\n"
        "    - {user: a, most: 10, ts: 2025-11-01 10:00, ds: 2025-11-19}\n"
        "  shop.changes:\n"
        "    - {user: a, most: 20, ts: 2025-11-01 10:00, mutation_ts: 2025-11-20 09:00, "
        "is_before: false}\n"
        "queries:\n"
        "  - {user: a, ts: 2025-11-20 08:00}\n"
        "  - {user: a, ts: 2025-11-20 10:00}\n");
  EXPECT_EQ(Good("eval group_bys/shop/limits.v1 --rows rows.yaml").out,
            "user,ts,most_max\na,1763625600000,10\na,1763632800000,20\n");
  Write("rows.yaml", "tables: {shop.cards: [{user: a, most: 10, ts: 2025-11-01 10:00}]}");
  Wrong("eval group_bys/shop/limits.v1 --rows rows.yaml", 2,
        {"rows of shop.cards, row 1", "a row of a snapshot needs a ds"});
}

TEST_F(BatchVerbsTest, AReportWithoutAFolderIsRefusedBeforeTheWork) {
  Wrong("group-by-backfill --end-date 2025-11-23 --report no/such/r.json" + conf_, 2,
        {"--report: no such folder", "no/such"});
  EXPECT_FALSE(fs::exists(folder_ + "/warehouse/shop.db/shop_spend_v1"));
}

TEST_F(BatchVerbsTest, NumbersThatAreNoneAreNotNullsInCsv) {
  Write("select.sql", "SELECT 'nan'::DOUBLE AS a, '-inf'::DOUBLE AS b, NULL::DOUBLE AS c");
  EXPECT_EQ(Good("sql - <" + folder_ + "/select.sql").out, "a,b,c\nNaN,-Infinity,\n");
}

TEST_F(BatchVerbsTest, SqlPrintsWholeNumbersWholeAndInstantsAsPeopleWriteThem) {
  Write("select.sql",
        "SELECT sum(x) AS s, max(x)::UBIGINT AS u, sum(x)::HUGEINT * x AS p FROM (VALUES "
        "(9007199254740993), (9223372036854775807)) AS t(x) GROUP BY x ORDER BY x DESC -- last");
  const std::string sum = "sql - <" + folder_ + "/select.sql";
  EXPECT_EQ(Good(sum).out,
            "s,u,p\n9223372036854775807,9223372036854775807,"
            "85070591730234615847396907784232501249\n"
            "9007199254740993,9007199254740993,81129638414606699710187514626049\n");
  Write("narrow.sql", "SELECT sum(user_id) AS total, 'x' AS t FROM shop.orders");
  EXPECT_EQ(Good("sql --format table - <" + folder_ + "/narrow.sql").out, "total  t\n   88  x\n");
  EXPECT_EQ(Good("sql --json 'SELECT sum(user_id) AS s, NULL::HUGEINT AS n FROM shop.orders'").out,
            "{\"n\":null,\"s\":88}\n");
  Good(
      "sql --output sum.parquet \"SELECT sum(user_id) AS s, '2025-11-20' AS ds FROM shop.orders\"");
  Good("table load sum.parquet shop.sums");
  EXPECT_TRUE(Has(Good("table describe shop.sums").out, "LONG"));
  Wrong("sql --output sum.parquet 'SELECT 9223372036854775808::HUGEINT AS s'", 1,
        {"9223372036854775808", "range"});
  const std::string dates =
      " \"SELECT DATE '2024-02-29' AS d, TIMESTAMP '2024-02-29 03:04:05.678' AS t, [DATE "
      "'1969-12-31', NULL] AS l, {'a': DATE '2024-01-01'} AS s, MAP {DATE '2024-01-01': 1} AS m\"";
  EXPECT_EQ(Good("sql --json" + dates).out,
            R"({"d":"2024-02-29","l":["1969-12-31",null],"m":{"2024-01-01":1},)"
            R"("s":{"a":"2024-01-01"},"t":"2024-02-29T03:04:05.678Z"})"
            "\n");
  EXPECT_TRUE(Has(Good("sql" + dates).out, "\n2024-02-29,2024-02-29T03:04:05.678Z,"));
}

TEST_F(BatchVerbsTest, SqlPrintsExactNumbersExactlyAtAnyDepth) {
  Write("select.sql",
        "SELECT 0.50 AS d, 12345678901234567890.123456789012345678 AS e, "
        "[12345678901234567890::HUGEINT, NULL] AS l, MAP {1::HUGEINT: 1.10} AS m, "
        "{'HUGEINT': -0.05, 'u': [[18446744073709551615::UBIGINT]]} AS s, 0.5::DOUBLE AS x");
  const std::string select = "sql - <" + folder_ + "/select.sql";
  EXPECT_EQ(Good(select + " --json").out,
            R"({"d":0.50,"e":12345678901234567890.123456789012345678,)"
            R"("l":[12345678901234567890,null],"m":{"1":1.10},)"
            R"("s":{"HUGEINT":-0.05,"u":[[18446744073709551615]]},"x":0.5})"
            "\n");
  EXPECT_EQ(Good(select).out,
            "d,e,l,m,s,x\n0.50,12345678901234567890.123456789012345678,"
            "\"[12345678901234567890,null]\",\"{\"\"1\"\":1.10}\","
            "\"{\"\"HUGEINT\"\":-0.05,\"\"u\"\":[[18446744073709551615]]}\",0.5\n");
  EXPECT_EQ(Good("sql --format table 'SELECT 0.5 AS half, 1.25 AS x UNION SELECT 10.5, 2 "
                 "ORDER BY 1'")
                .out,
            "half     x\n 0.5  1.25\n10.5  2.00\n");
  Good("sql --output x.parquet \"SELECT '2025-11-20' AS ds, 0.10 AS d, [7::HUGEINT] AS l\"");
  Good("table load x.parquet shop.exact");
  EXPECT_EQ(Good("sql 'SELECT d, l, typeof(d) AS t FROM shop.exact'").out,
            "d,l,t\n0.10,[7],\"DECIMAL(3,2)\"\n");
  EXPECT_EQ(Good("sql --json 'SELECT 1 AS a, 2 AS a, sum(3) AS a'").out,
            "{\"a\":1,\"a_1\":2,\"a_2\":3}\n");
}

TEST_F(BatchVerbsTest, SqlReadsTheRowsThatJobsRead) {
  const std::string table = folder_ + "/warehouse/shop.db/orders/";
  fs::copy(table + "ds=2025-11-20", table + "ds=__HIVE_DEFAULT_PARTITION__");
  fs::copy(table + "ds=2025-11-20", table + "ds=2025-11-20.bak");
  for (const auto& file : fs::directory_iterator(table + "ds=2025-11-20")) {
    fs::copy(file.path(), table + "ds=2025-11-21/_" + file.path().filename().string());
  }
  EXPECT_TRUE(Has(Good("table describe shop.orders").out, ": 12 rows, 4 partitions"));
  EXPECT_EQ(Good("sql 'SELECT count(*) AS n, count(ds) AS m FROM shop.orders'").out,
            "n,m\n12,12\n");
  EXPECT_EQ(Good("sql \"SELECT count(*) AS n FROM shop.orders WHERE ds = '2025-11-21'\"").out,
            "n\n3\n");
}

TEST_F(BatchVerbsTest, SqlReadsTablesBesideOneThatCannotBeRead) {
  Write("warehouse/shop.db/broken/ds=2025-11-20/x.parquet", "no Parquet");
  const Outcome all = Good("sql 'SHOW ALL TABLES'");
  EXPECT_TRUE(Has(all.out, "orders")) << all.out;
  EXPECT_TRUE(all.err.starts_with("catena sql: left out: shop.broken: ")) << all.err;
  EXPECT_EQ(Good("sql 'SELECT 1 AS x'").out, "x\n1\n");
  EXPECT_EQ(Good("sql 'SELECT count(*) AS n FROM shop.orders'").err, "");
  EXPECT_NE(Catena("sql 'SELECT * FROM shop.broken'").code, 0);
}

TEST_F(BatchVerbsTest, SqlNamesTheQuotesThatANameNeeds) {
  Good("table load orders.csv default.orders");
  Wrong("sql 'SELECT * FROM default.orders'", 2, {"in quotes", "\"default\".\"orders\""});
  Wrong("sql 'SELECT FROM FROM shop.orders'", 2, {"syntax error at or near \"FROM\""});
  Good("sql 'SELECT * FROM \"default\".orders'");
}

TEST_F(BatchVerbsTest, AFileWithoutRowsIsSaidToHaveNone) {
  Write("none.csv", "user_id,amount,ts,ds\n");
  EXPECT_EQ(Good("table load none.csv shop.orders").out,
            "no rows in none.csv: shop.orders stays as it is\n");
  EXPECT_EQ(Good("table load none.csv shop.never").out,
            "no rows in none.csv: shop.never stays as it is\n");
}

TEST_F(BatchVerbsTest, EvalSaysWhatIsWrongWithRows) {
  const auto expect = [&](const std::string& yaml, const std::vector<std::string>& parts) {
    Write("rows.yaml", yaml);
    Wrong("eval group_bys/shop/spend.v1 --rows rows.yaml", 2, parts);
  };
  expect("tables: {shop.order: []}", {"did you mean shop.orders?"});
  expect("tables: {shop.orders: [{amuont: 1, ts: 0}]}", {"row 1", "did you mean amount?"});
  expect("tables: {shop.orders: [{amount: high, ts: 0}]}", {"row 1", "amount DOUBLE"});
  expect("tables: {shop.orders: [{amount: 1}]}", {"row 1", "ds or a ts"});
  expect("tables: {shop.orders: [{amount: 1, ds: 2025-02-30}]}", {"row 1", "2025-02-30"});
  expect("tables: {shop.orders: 7}", {"rows.yaml: tables: shop.orders", "list of rows"});
  expect("tabels: {}", {"tabels", "queries, expect"});
  expect("tables: [\n", {"rows.yaml", "line"});
  expect("tables: {}", {"no rows to evaluate"});
  Write("shop.orders.csv", "user_id,ts\n7,0\n8,0,9\n");
  Wrong("eval group_bys/shop/spend.v1 --rows shop.orders.csv", 2, {"shop.orders.csv", "Line: 3"});
  Write("shop.orders.csv", "user_id,ts,ts\n7,0,1\n");
  Wrong("eval group_bys/shop/spend.v1 --rows shop.orders.csv", 2, {"two columns have one name"});
  Wrong("eval group_bys/shop/spend.v1", 2, {"--rows is required"});
  Wrong("eval group_bys/shop/spend.v1 --rows nope.csv", 2, {"nope.csv"});
  Wrong("eval nope --rows rows.yaml", 2, {"nope"});
}

TEST_F(BatchVerbsTest, AConfIsGivenByPositionOrByNameAlike) {
  const std::string conf = "production/group_bys/shop/spend.v1";
  for (const char* verb_text :
       {"explain", "analyze", "group-by-backfill --dry-run", "fetch --list", "state verify"}) {
    const std::string verb = verb_text;
    const Outcome by_name = Catena(verb + " --conf-path " + conf);
    const Outcome by_position = Catena(verb + " " + conf);
    EXPECT_EQ(by_name.code, by_position.code) << verb << by_position.err;
    EXPECT_EQ(by_name.out, by_position.out) << verb;
    EXPECT_EQ(by_name.err, by_position.err) << verb;
  }
}

TEST_F(BatchVerbsTest, TheDayThatNobodyNamedIsNamed) {
  const std::string conf = "production/group_bys/shop/spend.v1";
  EXPECT_TRUE(
      Has(Good("explain " + conf).out, ", which is yesterday; --end-date says another day"));
  EXPECT_FALSE(Has(Good("explain " + conf + " --end-date 2025-11-23").out, "which is yesterday"));
}

TEST_F(BatchVerbsTest, TablesAreListed) {
  EXPECT_TRUE(Has(Good("table ls").out, "2025-11-20..2025-11-23      4 days            12 rows"));
  const Json listed = *ParseJson(Good("table ls --json").out, "table ls");
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0]["table"], "shop.orders");
  EXPECT_EQ(listed[0]["rows"], 12);
}

TEST_F(BatchVerbsTest, ATableThatCannotBeReadHidesNoOther) {
  fs::create_directories(folder_ + "/warehouse/bad.db/orders/ds=2025-11-20");
  Write("warehouse/bad.db/orders/ds=2025-11-20/part-0.parquet", "PAR1");
  const Outcome listed = Catena("table ls");
  EXPECT_TRUE(Has(listed.out, "shop.orders")) << listed.out;
  EXPECT_TRUE(Has(listed.err, "bad.orders")) << listed.err;
  EXPECT_NE(listed.code, 0);
}

TEST_F(BatchVerbsTest, TheOtherKindOfAFetchedNameIsSuggested) {
  Wrong("fetch --name shop.spend.v1 --key-json '{\"user_id\": 7}'", 2,
        {"this is a GroupBy; say --type group-by: shop.spend.v1"});
}

TEST_F(BatchVerbsTest, RecomputeMakesDaysAnew) {
  const std::string job =
      "group-by-backfill production/group_bys/shop/spend.v1 --end-date 2025-11-23";
  Good(job);
  EXPECT_TRUE(Has(Good(job).out, "computed 0"));
  EXPECT_TRUE(Has(Good(job + " --recompute --dry-run").out, "(asked for again)"));
  EXPECT_TRUE(Has(Good(job + " --recompute --step-days 1").out, "it was asked for"));
  Wrong(job + " --recompute --unset-semantic-hash", 2, {"--recompute computes them anew"});
}

}  // namespace
}  // namespace catena::cli
