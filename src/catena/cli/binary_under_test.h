// SPDX-License-Identifier: Apache-2.0
// The binary, run as a person would in a feature repository of its own, for tests.
//
//   input    CATENA_BIN names the binary (ctest sets it)

#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "catena/base/check.h"

namespace catena::cli {

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

inline constexpr char kOrdersConf[] = R"({"metaData": {"name": "shop.spend.v1"},
  "keyColumns": ["user_id"], "accuracy": 1,
  "aggregations": [{"inputColumn": "amount", "operation": 7,
                    "windows": [{"length": 1, "timeUnit": 1}]}],
  "sources": [{"events": {"table": "shop.orders", "query":
    {"selects": {"user_id": "user_id", "amount": "amount"}, "timeColumn": "ts"}}}],
  "catena": {"version": 1, "sql": {}, "schemas": {"shop.orders":
    [["user_id", "LONG"], ["amount", "DOUBLE"], ["ts", "LONG"]]}}})";

class BinaryUnderTest {
 protected:
  BinaryUnderTest() {
    const char* binary = std::getenv("CATENA_BIN");
    CATENA_CHECK(binary != nullptr, "set CATENA_BIN to the binary, as ctest does");
    binary_ = binary;
    char name[] = "/tmp/catena_cli_XXXXXX";
    CATENA_CHECK(mkdtemp(name) != nullptr, "a folder in /tmp can be made");
    folder_ = name;
    Write("catena.yaml",
          "warehouse: warehouse\nkv:\n  url: rocksdb:state\n"
          "topics:\n  default: file:topics\n");
    Write("production/group_bys/shop/spend.v1", kOrdersConf);
  }
  ~BinaryUnderTest() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  void Write(const std::string& file, const std::string& text) const {
    const std::filesystem::path path = std::filesystem::path(folder_) / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  std::string Read(const std::string& file) const {
    std::ifstream stream(std::filesystem::path(folder_) / file);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  // `arguments` as a shell reads them, in the repository's folder.
  Outcome Catena(const std::string& arguments) const {
    const std::string command = "cd " + folder_ + " && PATH=/usr/bin:/bin CATENA_LOG=error '" +
                                binary_ + "' " + arguments + " >out.txt 2>err.txt";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), Read("out.txt"),
            Read("err.txt")};
  }

  std::string binary_;
  std::string folder_;
};

}  // namespace catena::cli
