// SPDX-License-Identifier: Apache-2.0
// What a new user gets wrong, and the one line that says where and what to do.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "catena/cli/binary_under_test.h"

namespace catena::cli {
namespace {

class WrongInputTest : public testing::Test, protected BinaryUnderTest {
 protected:
  // Exit code `code`, nothing on stdout, and one line on stderr that holds every one of `parts`.
  void Expect(const std::string& arguments, int code, const std::vector<std::string>& parts) {
    const Outcome outcome = Catena(arguments);
    EXPECT_EQ(outcome.code, code) << arguments << "\n" << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << arguments << "\n"
                                                                           << outcome.err;
    EXPECT_TRUE(outcome.err.starts_with("catena")) << outcome.err;
    for (const std::string& part : parts) {
      EXPECT_NE(outcome.err.find(part), std::string::npos)
          << arguments << ": wants " << part << " in\n"
          << outcome.err;
    }
  }
  void LoadOrders() {
    Write("orders.csv", "user_id,amount,ts,ds\n7,1.5,1763640000000,2025-11-20\n");
    const Outcome loaded = Catena("table load orders.csv shop.orders");
    ASSERT_EQ(loaded.code, 0) << loaded.err;
  }
  static std::string Replaced(std::string text, const std::string& from, const std::string& to) {
    return text.replace(text.find(from), from.size(), to);
  }

  const std::string backfill_ =
      "group-by-backfill --end-date 2025-11-20 --conf-path production/group_bys/shop/spend.v1";
};

TEST_F(WrongInputTest, UnknownVerbsAndFlags) {
  Expect("fech", 2, {"did you mean fetch?"});
  Expect("zzzzzz", 2, {"catena-zzzzzz", "--help"});
  Expect("topic produse x", 2, {"unknown verb: topic produse", "catena topic --help"});
  Expect("topic", 2, {"catena topic --help"});
  Expect("--verbose", 2, {"--verbose"});
  Expect("fetch --nam x", 2, {"unknown flag", "did you mean --name?", "catena fetch --help"});
  Expect("fetch --at-millis soon", 2, {"--at-millis", "soon"});
  Expect("fetch --type feature", 2, {"--type", "join, group-by", "feature"});
  Expect("join", 2, {"--conf-path is required"});
  Expect("join --conf-path", 2, {"--conf-path"});
  Expect("table describe", 2, {"NS.TABLE is required"});
  Expect("completions fish", 2, {"bash", "fish"});
}

TEST_F(WrongInputTest, ConfsThatAreNotThere) {
  Expect("join --conf-path nope", 2, {"nope", "catena compile"});
  Expect("join --conf-path production/group_bys/shop/spend.v2", 2,
         {"did you mean production/group_bys/shop/spend.v1?"});
  Expect("join --conf-path group_bys/shop/spend.v2", 2, {"did you mean group_bys/shop/spend.v1?"});
  Expect("join --conf-path joins/x.py", 2, {"joins/x.py", "catena compile"});
  Expect("join --conf-path production", 2, {"folder"});
  Expect("--repo /no/such/folder fetch --list", 2, {"--repo", "/no/such/folder"});
  std::filesystem::remove_all(folder_ + "/production");
  Expect("fetch --list", 2, {"catena compile", "--conf-path"});
}

TEST_F(WrongInputTest, ConfsThatAreWrong) {
  Write("bad", "{\"metaData\": {\n  oops");
  Expect("join --conf-path bad", 2, {"bad", "line 2"});
  Write("bad", "{}");
  Expect("join --conf-path bad", 2, {"bad"});
  Write("bad", Replaced(kOrdersConf, "\"operation\": 7", "\"operation\": 99"));
  Expect("group-by-backfill --conf-path bad", 2, {"bad", "aggregations[0]", "99"});
  Expect("join --conf-path production/group_bys/shop/spend.v1 --end-date 2025-11-20", 2, {});
  LoadOrders();
  Expect("join --conf-path production/group_bys/shop/spend.v1", 2, {"group-by-backfill"});
}

TEST_F(WrongInputTest, SettingsThatAreWrong) {
  Write("catena.yaml", "warehose: x\n");
  Expect("fetch --list", 2, {"catena.yaml:1", "did you mean warehouse?"});
  Write("catena.yaml", "memory_limit: lots\n");
  Expect("table describe a.b", 2, {"memory_limit", "2GB", "lots"});
  Write("catena.yaml", "memory_limit: 1KB\n");
  Expect("sql 'SELECT 1'", 2, {"16MB at least", "1KB"});
  Write("catena.yaml", "kv: [\n");
  Expect("fetch --list", 2, {"catena.yaml", "YAML"});
  Write("catena.yaml", "kv:\n  url: cassandra:x\n");
  Expect("monitor", 2, {"cassandra", "rocksdb"});
  Expect("fetch --list -Z lagmillis=5", 2, {"did you mean lag_millis?"});
  Expect("fetch --list -Z lag_millis", 2, {"key=value"});
}

TEST_F(WrongInputTest, DatesThatAreWrong) {
  LoadOrders();
  const std::string conf = " --conf-path production/group_bys/shop/spend.v1 ";
  Expect("group-by-backfill" + conf + "--end-date yesterday", 2, {"--end-date", "yesterday"});
  Expect("group-by-backfill" + conf + "--end-date 2025-02-30", 2, {"2025-02-30"});
  Expect("group-by-backfill" + conf + "--start-partition-override 2025-11-21 --end-date 2025-11-20",
         2, {"--start-partition-override", "--end-date"});
  Expect("group-by-backfill" + conf + "--step-days 0", 2, {"--step-days"});
}

TEST_F(WrongInputTest, TablesThatAreNotThere) {
  Expect(backfill_, 2, {"catena table load", "warehouse"});
  Expect("table describe shop.orders --json", 2, {"shop.orders"});
  LoadOrders();
  Expect("table describe shop.order", 2, {"did you mean shop.orders?"});
  Expect("table describe ../etc", 2, {"../etc"});
  Write("production/group_bys/shop/spend.v1",
        Replaced(kOrdersConf, "\"table\": \"shop.orders\"", "\"table\": \"shop.sales\""));
  const Outcome absent = Catena(backfill_);
  EXPECT_NE(absent.code, 0);
  EXPECT_NE(absent.err.find("shop.sales"), std::string::npos) << absent.err;
}

TEST_F(WrongInputTest, ColumnsAndTypesThatAreWrong) {
  LoadOrders();
  Write("production/group_bys/shop/spend.v1",
        Replaced(kOrdersConf, "\"amount\": \"amount\"", "\"amount\": \"amuont\""));
  const Outcome unknown = Catena(backfill_);
  EXPECT_EQ(unknown.code, 2) << unknown.err;
  EXPECT_NE(unknown.err.find("amuont"), std::string::npos) << unknown.err;
  Write("names.csv", "user_id,amount,ts,ds\n7,lots,1763640000000,2025-11-20\n");
  Expect("table load names.csv shop.orders", 1, {"lots", "Line: 2"});
  Write("names.json", "[[\"amount\", \"STRING\"]]");
  ASSERT_EQ(Catena("table load names.csv shop.orders --schema names.json").code, 0);
  Write("production/group_bys/shop/spend.v1", kOrdersConf);
  const Outcome wrong = Catena(backfill_);
  EXPECT_EQ(wrong.code, 2) << wrong.err;
  EXPECT_NE(wrong.err.find("not STRING"), std::string::npos) << wrong.err;
}

TEST_F(WrongInputTest, CsvFilesThatAreWrong) {
  Expect("table load nope.csv shop.orders", 2, {"nope.csv"});
  Write("schemas/shop.orders.json", "[[\"amount\", \"DUBLE\"]]");
  Write("orders.csv", "amount,ds\nlots,2025-11-20\n");
  Expect("table load orders.csv shop.orders", 2, {"schemas/shop.orders.json", "DUBLE"});
  Write("schemas/shop.orders.json", "[[\"amount\", \"DOUBLE\"]]");
  const Outcome value = Catena("table load orders.csv shop.orders");
  EXPECT_EQ(value.code, 1) << value.err;
  EXPECT_NE(value.err.find("lots"), std::string::npos) << value.err;
}

TEST_F(WrongInputTest, FetchesThatAreWrong) {
  const std::string name = "fetch --type group-by --name shop.spend.v1 ";
  Expect("fetch --key-json {}", 2, {"--name is required", "--list"});
  Expect("fetch --type group-by --name shop.spent.v1 --key-json {}", 2,
         {"did you mean shop.spend.v1?"});
  Expect(name, 2, {"--key-json"});
  Expect(name + "--key-json '{user_id: 7}'", 2, {"--key-json", "line 1, column 2"});
  Expect(name + "--key-json-file nope.json", 2, {"nope.json"});
  Expect(name + "--key-json '{\"user_id\": 7}'", 1, {"catena group-by-upload"});
}

TEST_F(WrongInputTest, TopicsAndRecordsThatAreWrong) {
  Expect("topic tail nope", 1, {"nope", "catena topic create"});
  Expect("topic create a%b", 2, {"a%b", "letters"});
  Expect("topic create x --partitions 0", 2, {"--partitions"});
  ASSERT_EQ(Catena("topic create orders --partitions 2").code, 0);
  Write("events.ndjson", "{\"user_id\": 7}\n{\"user_id\": \n");
  Expect("topic produce orders events.ndjson", 1, {"events.ndjson:2", "0 records before it"});
  Expect("topic produce orders nope.ndjson", 2, {"nope.ndjson"});
  Expect("topic produce orders events.ndjson --rate fast", 2, {"--rate", "1000/s"});
  Expect("topic tail orders --partition 5", 2, {"--partition", "5"});
  Expect("topic archive orders --table shop.orders", 2,
         {"schemas/shop.orders.json", "--schema-from"});
  Expect("topic archive orders --table shop.orders --schema-from nope", 2, {"nope"});
  Expect(
      "topic archive orders --table shop.orders --time-field day --schema-from "
      "production/group_bys/shop/spend.v1",
      2, {"--time-field", "day"});
}

TEST_F(WrongInputTest, StreamsThatCannotRun) {
  const std::string stream = "group-by-streaming --conf-path production/group_bys/shop/spend.v1";
  Expect(stream, 2, {"shop.spend.v1"});  // No topic.
  Expect(stream + " --gate open", 2, {"--gate", "caught_up"});
  Expect(stream + " --lag-millis soon", 2, {"--lag-millis"});
  Expect(stream + " --debug maybe", 2, {"--debug", "maybe"});
  Expect(stream + " -Z processing_engine=flink", 2, {"flink"});
}

TEST_F(WrongInputTest, ABusyPortIsNamed) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string port = std::to_string(ntohs(address.sin_port));
  Expect("serve -Z kv.url=memory: --port " + port, 2, {"in use", "--port", port});
  Expect("serve -Z kv.url=memory: --port 70000", 2, {"--port", "70000"});
  Expect("serve -Z kv.url=memory: --port 0 --bind example", 2, {"--bind"});
  close(listener);
}

TEST_F(WrongInputTest, AProgramWithoutTheLibraryThatWritesSaysWhereItBelongs) {
  namespace fs = std::filesystem;
  LoadOrders();
  const fs::path installed = fs::path(binary_).parent_path().parent_path();
  const fs::path moved = fs::path(folder_) / "moved";
  fs::create_directories(moved / "bin");
  fs::create_directories(moved / "lib");
  fs::copy_file(binary_, moved / "bin" / "catena");
  fs::create_symlink(installed / "lib" / "libduckdb.so", moved / "lib" / "libduckdb.so");
  binary_ = moved / "bin" / "catena";
  const Outcome refused = Catena(backfill_);
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("libcatena_parquet.so, which lies in lib/ beside the program's bin/"),
            std::string::npos)
      << refused.err;
}

TEST_F(WrongInputTest, SqlThatIsWrong) {
  LoadOrders();
  Expect("sql 'SELECT amuont FROM shop.orders'", 2, {"amuont"});
  Expect("sql 'SELECT * FROM shop.order'", 2, {"no such table, did you mean shop.orders?"});
  Expect("sql 'SELECT * FROM orders'", 2, {"did you mean shop.orders?"});
  Expect("sql 'SELECT * FROM far.away'", 2, {"catena table ls", "far.away"});
  Expect("sql 'SELECT 1; SELECT 2'", 2, {"one SELECT that reads, nothing else"});
  Expect("sql \"COPY shop.orders TO 'x'\"", 2, {"one SELECT that reads, nothing else"});
  // What DuckDB advises for these cannot be done here.
  for (const auto& [text, said] : std::vector<std::pair<std::string, std::string>>{
           {"SELECT * FROM read_csv('/etc/passwd')", "`catena table load` makes a table of a file"},
           {"SELECT * FROM 's3://a/b.parquet'", "`catena table load` makes a table of a file"},
           {"SELECT * FROM iceberg_scan('x')", "part of one (iceberg)"},
           {"SELECT st_point(1, 2)", "part of one (spatial)"}}) {
    const Outcome refused = Catena("sql \"" + text + "\"");
    EXPECT_EQ(refused.code, 2) << text;
    EXPECT_NE(refused.err.find(said), std::string::npos) << refused.err;
    EXPECT_EQ(refused.err.find("INSTALL"), std::string::npos) << refused.err;
    EXPECT_EQ(refused.err.find("configuration"), std::string::npos) << refused.err;
  }
}

}  // namespace
}  // namespace catena::cli
