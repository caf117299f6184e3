// SPDX-License-Identifier: Apache-2.0
// The binary as it is meant to be used: help, topics, tables, subprograms, signals.
#include <gtest/gtest.h>
#include <signal.h>

#include <new>

#include "catena/base/json.h"
#include "catena/cli/binary_under_test.h"
#include "catena/cli/command.h"

namespace catena::cli {
namespace {

class CommandLineTest : public testing::Test, protected BinaryUnderTest {
 protected:
  Outcome Good(const std::string& arguments) const {
    Outcome outcome = Catena(arguments);
    EXPECT_EQ(outcome.code, 0) << arguments << "\n" << outcome.err;
    return outcome;
  }
  static bool Has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }
};

constexpr char kEvents[] =
    "{\"user_id\": 7, \"amount\": 1.5, \"ts\": 1763640000500}\n"
    "{\"user_id\": 8, \"amount\": null, \"ts\": 1763640000400}\n"
    "{\"user_id\": 7, \"amount\": 2.5, \"ts\": 1763683200000}\n";

TEST_F(CommandLineTest, HelpTeachesEveryVerbWithExamples) {
  const std::string help = Good("--help").out;
  EXPECT_TRUE(Has(help, "The life of a chain"));
  for (const char* verb :
       {"join", "group-by-backfill", "group-by-upload", "group-by-streaming", "serve", "fetch",
        "monitor", "topic create", "topic produce", "topic tail", "topic archive", "topic describe",
        "table describe", "table load", "sql", "explain", "version", "completions", "help"}) {
    EXPECT_TRUE(Has(help, verb)) << verb;
    EXPECT_TRUE(Has(Good(std::string(verb) + " --help").out, "Examples:")) << verb;
  }
  EXPECT_EQ(Catena("").code, 2);
  EXPECT_TRUE(Has(Good("topic --help").out, "topic archive"));
  EXPECT_TRUE(Has(Good("help join").out, "--conf-path"));
  EXPECT_TRUE(Has(Good("version").out, "catena 0."));
  EXPECT_EQ(Good("--version").out, Good("version").out);
}

TEST_F(CommandLineTest, MemoryThatRanOutIsToBeTriedAgain) {
  const Command eats{"eat", "", "", "", "", [](Flags*, const CommonFlags*) -> cli::Run {
                       return []() -> Result<int> { throw std::bad_alloc(); };
                     }};
  testing::internal::CaptureStderr();
  EXPECT_EQ(RunCommandLine({eats}, {"eat"}), 75);
  EXPECT_TRUE(Has(testing::internal::GetCapturedStderr(), "catena eat: memory ran out"));
}

TEST_F(CommandLineTest, MarkdownAndCompletionsCoverEveryVerb) {
  const std::string markdown = Good("help --markdown").out;
  EXPECT_TRUE(Has(markdown, "### catena topic archive"));
  EXPECT_TRUE(Has(Good("help --metrics").out, "catena_alert"));
  Write("bash.sh", Good("completions bash").out +
                       "\nCOMP_WORDS=(catena topic arch); COMP_CWORD=2; _catena\n"
                       "[ \"${COMPREPLY[*]}\" = archive ]\n");
  EXPECT_EQ(std::system(("bash " + folder_ + "/bash.sh").c_str()), 0);
}

TEST_F(CommandLineTest, ATopicIsProducedTailedAndArchivedOnce) {
  Good("topic create orders --partitions 2");
  Write("events.ndjson", kEvents);
  EXPECT_TRUE(
      Has(Good("topic produce orders events.ndjson --key user_id --append-time-field ts").out,
          "produced 3 records"));
  const std::string tail = Good("topic tail orders --from-beginning --limit 2").out;
  EXPECT_TRUE(Has(tail, "\"_append_time\":1763640000400,\"_offset\":0,\"_partition\":")) << tail;
  const std::string archive =
      "topic archive orders --table shop.orders --schema-from production/group_bys/shop/spend.v1";
  EXPECT_TRUE(Has(Good(archive).out, "archived 3 of 3"));
  EXPECT_TRUE(Has(Good(archive).out, "archived 0 of 0"));
  EXPECT_EQ(Good("sql 'SELECT ds, ts, user_id, amount, _offset FROM shop.orders ORDER BY ts'").out,
            "ds,ts,user_id,amount,_offset\n2025-11-20,1763640000400,8,,0\n"
            "2025-11-20,1763640000500,7,1.5,0\n2025-11-21,1763683200000,7,2.5,1\n");
  const Json table = *ParseJson(Good("table describe shop.orders --json").out, "describe");
  EXPECT_EQ(table["columns"][3], Json::array({"_topic_partition", "INT"}));
  EXPECT_EQ(table["partitions"], Json::array({"2025-11-20", "2025-11-21"}));
}

TEST_F(CommandLineTest, AnAnswerThatCannotBeWrittenIsNoSuccess) {
  for (const std::string arguments :
       {"sql 'SELECT * FROM range(100000)'", "sql 'SELECT 1'", "table ls", "version", "--help"}) {
    std::filesystem::create_directories(folder_ + "/warehouse");
    const Outcome full = Catena(arguments + " >/dev/full 2>said.txt || exit $?; true");
    EXPECT_EQ(full.code, 75) << arguments;
    EXPECT_EQ(Read("said.txt"), "catena: cannot write to standard output; is its disk full?\n")
        << arguments;
  }
}

TEST_F(CommandLineTest, AnArchiveThatDiedBeforeItsOffsetsIsRepeatedWithoutHarm) {
  Good("topic create orders --partitions 2");
  Write("events.ndjson", kEvents);
  Write("schemas/shop.orders.json",
        R"([["user_id", "LONG"], ["amount", "DOUBLE"], ["ts", "LONG"]])");
  const std::string archive = "topic archive orders --table shop.orders";
  Good("topic produce orders events.ndjson --key user_id");
  Good(archive);
  std::filesystem::remove_all(folder_ + "/warehouse/shop.db/orders/_archive");
  Good("topic produce orders events.ndjson --key user_id");
  EXPECT_TRUE(Has(Good(archive).out, "archived 3 of 6 new records")) << Read("out.txt");
  const std::string rows = Good("sql 'SELECT count(*) AS n FROM shop.orders'").out;
  EXPECT_EQ(rows, "n\n6\n");
}

TEST_F(CommandLineTest, MalformedRecordsAreListedAndTheRestIsArchived) {
  Good("topic create orders --partitions 1");
  Write("events.ndjson",
        std::string(kEvents) + "garbage\n{\"user_id\": \"x\"}\n{\"user_id\": 1}\n");
  Good("topic produce orders events.ndjson --raw");
  EXPECT_TRUE(Has(Good("topic tail orders").out, "\"_raw\":\"garbage\""));
  const Outcome outcome = Catena(
      "topic archive orders --table shop.orders --schema-from production/group_bys/shop/spend.v1");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_TRUE(Has(outcome.out, "archived 3 of 6"));
  EXPECT_TRUE(Has(outcome.err, "topic partition 0, offset 3")) << outcome.err;
  EXPECT_TRUE(Has(outcome.err, "offset 5: field \"ts\" is missing")) << outcome.err;
  EXPECT_TRUE(Has(outcome.err, "3 records were left out")) << outcome.err;
}

TEST_F(CommandLineTest, BackfillUploadFetch) {
  Write("orders.csv", "user_id,amount,ts,ds\n7,1.5,1763640000000,2025-11-20\n");
  Good("table load orders.csv shop.orders");
  const std::string conf = " --conf-path group_bys/shop/spend.v1 --end-date 2025-11-20";
  EXPECT_TRUE(Has(Good("group-by-backfill --dry-run" + conf).out, "compute 2025-11-20"));
  Good("group-by-backfill --report report.json" + conf);
  EXPECT_EQ((*ParseJson(Read("report.json"), "report"))["steps"][0]["rows"], 1);
  EXPECT_TRUE(Has(Good("group-by-backfill" + conf).out, "reused 1"));
  Good("group-by-upload" + conf);
  const Outcome fetched = Good(
      "fetch --type group-by --name shop.spend.v1 --key-json '{\"user_id\": 7}' "
      "--at-millis 1763683200000");
  const Json result = (*ParseJson(fetched.out, "fetch"))["results"][0];
  EXPECT_EQ(result["features"]["amount_sum_1d"], 1.5) << fetched.out;
  EXPECT_TRUE(Has(Good("explain group_bys/shop/spend.v1").out, "GroupBy shop.spend.v1"));
  EXPECT_TRUE(Has(Good("monitor").out, "nothing streams yet"));
}

TEST_F(CommandLineTest, RateIsKeptAndNowIsStamped) {
  Good("topic create orders --partitions 1");
  Write("events.ndjson", std::string(kEvents) + kEvents);
  const std::string out = Good("topic produce orders events.ndjson --rate 20/s --now-field ts").out;
  EXPECT_TRUE(Has(out, "produced 6 records")) << out;
  const Json record = *ParseJson(Good("topic tail orders --limit 1").out, "tail");
  const auto stamp = record["ts"].get<int64_t>();
  EXPECT_NEAR(static_cast<double>(record["_append_time"].get<int64_t>()),
              static_cast<double>(stamp), 1000);
}

TEST_F(CommandLineTest, UnknownVerbsAreProgramsAsGitFindsThem) {
  Write(".venv/bin/catena-hello", "#!/bin/sh\necho \"$1 $CATENA_BIN\"\nexit 7\n");
  std::filesystem::permissions(folder_ + "/.venv/bin/catena-hello",
                               std::filesystem::perms::owner_all);
  const Outcome outcome = Catena("hello --there");
  EXPECT_EQ(outcome.code, 7);
  EXPECT_TRUE(Has(outcome.out, "--there /")) << outcome.out;
}

TEST_F(CommandLineTest, AStreamStopsCleanlyAndTheMonitorSeesWhatWaits) {
  std::string conf = kOrdersConf;
  conf.replace(conf.find("\"accuracy\": 1"), 13, "\"accuracy\": 0");
  conf.replace(conf.find("\"table\""), 0, "\"topic\": \"orders\", ");
  Write("production/group_bys/shop/spend.v1", conf);
  Write("events.ndjson", kEvents);
  Good("topic create orders --partitions 2");
  Good("topic produce orders events.ndjson --key user_id --append-time-field ts");
  const std::string script =
      "cd " + folder_ + " && '" + binary_ +
      "' group-by-streaming --conf-path production/group_bys/shop/spend.v1 >stream.txt 2>&1 & "
      "pid=$!; for i in $(seq 200); do grep -q ready " +
      folder_ + "/stream.txt && break; sleep 0.05; done; kill -TERM $pid; wait $pid";
  const int status = std::system(script.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGTERM) << Read("stream.txt");
  EXPECT_TRUE(Has(Read("stream.txt"), "simple stream")) << Read("stream.txt");
  const Json idle = *ParseJson(Good("monitor --json").out, "monitor");
  EXPECT_EQ(idle["chains"][0]["group_by"], "shop.spend.v1");
  EXPECT_EQ(idle["chains"][0]["counts"]["folded"], 3) << idle;
  EXPECT_EQ(idle["chains"][0]["metrics"]["groupby.input.lag"], 0.0);
  Good("topic produce orders events.ndjson --key user_id");
  const Json waiting = *ParseJson(Good("monitor --json").out, "monitor");
  EXPECT_EQ(waiting["chains"][0]["records_waiting"], 3);
}

TEST_F(CommandLineTest, ASignalStopsAServerCleanly) {
  const std::string script = "cd " + folder_ + " && '" + binary_ +
                             "' serve -Z kv.url=memory: --port 0 >serve.txt 2>&1 & pid=$!; "
                             "for i in $(seq 100); do grep -q serving " +
                             folder_ +
                             "/serve.txt && break; sleep 0.05; done; kill -TERM $pid; wait $pid";
  const int status = std::system(script.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGTERM);
  EXPECT_TRUE(Has(Read("serve.txt"), "http://127.0.0.1:")) << Read("serve.txt");
}

}  // namespace
}  // namespace catena::cli
