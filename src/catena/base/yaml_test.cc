// SPDX-License-Identifier: Apache-2.0
#include "catena/base/yaml.h"

#include <gtest/gtest.h>

namespace catena {
namespace {

TEST(YamlTest, IsReadAsJson) {
  const auto json = ParseYaml(
      "tables:\n"
      "  a.b:\n"
      "    - {id: 7, x: 1.5, ds: 2026-11-20, t: \"12\", none: ~, ok: true}\n"
      "    - {id: -3, x: 1e3, nan: nan, name: 'null', empty:}\n",
      "rows");
  ASSERT_TRUE(json.ok()) << json.error().message;
  EXPECT_EQ(*json, Json::parse(R"({"tables": {"a.b": [
      {"id": 7, "x": 1.5, "ds": "2026-11-20", "t": "12", "none": null, "ok": true},
      {"id": -3, "x": 1000.0, "nan": "nan", "name": "null", "empty": null}]}})"));
  EXPECT_EQ(*ParseYaml(R"({"json": ["is", "yaml", 1]})", "rows"),
            Json::parse(R"({"json": ["is", "yaml", 1]})"));
}

TEST(YamlTest, SaysWhereItIsWrong) {
  const auto error_of = [](const std::string& text) {
    const auto json = ParseYaml(text, "rows.yaml");
    EXPECT_FALSE(json.ok()) << text;
    return json.ok() ? "" : json.error().message;
  };
  EXPECT_NE(error_of("a: 1\nb: [1,\n").find("rows.yaml: not valid YAML at line "),
            std::string::npos);
  EXPECT_EQ(error_of("a: 1\nb: 2\na: 3\n"), "rows.yaml: line 1: a key stands twice: a");
  EXPECT_NE(error_of(std::string(100, '[') + std::string(100, ']')).find("nests deeper"),
            std::string::npos);
}

}  // namespace
}  // namespace catena
