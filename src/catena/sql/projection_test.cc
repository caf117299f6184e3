// SPDX-License-Identifier: Apache-2.0
#include "catena/sql/projection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <thread>

#include "catena/base/random.h"
#include "catena/sql/quote.h"

namespace catena::sql {
namespace {

using conf::Expression;
using conf::Query;
using testing::HasSubstr;
using types::Batch;
using types::BatchBuilder;
using types::DataType;
using types::Kind;
using types::Schema;
using types::Value;

std::unique_ptr<Database> OpenDatabase() {
  DatabaseOptions options;
  options.memory_limit_bytes = uint64_t{512} << 20;
  return Database::Open(options).value();
}

Expression Sql(const std::string& text) { return {text, text}; }

Query Selects(std::vector<std::pair<std::string, std::string>> selects,
              std::vector<std::string> wheres = {}, const std::string& time = "") {
  Query query;
  query.has_selects = true;
  for (const auto& [name, text] : selects) query.selects.emplace_back(name, Sql(text));
  for (const std::string& where : wheres) query.wheres.push_back(Sql(where));
  if (!time.empty()) query.time_column = Sql(time);
  return query;
}

const Schema kSchema{{{"user", Kind::kString},
                      {"amount", Kind::kLong},
                      {"happened", Kind::kLong},
                      {"rate", Kind::kDouble},
                      {"tags", DataType::List(Kind::kString)}}};

Batch Rows() {
  BatchBuilder builder(kSchema);
  const std::vector<std::vector<Value>> rows = {
      {"ann", 10, 1000, 0.5, types::ValueList{"x", "a longer tag than twelve"}},
      {"bob with a long name", Value(), 2000, 1.5, Value()},
      {Value(), 30, 3000, Value(), types::ValueList{}},
      {"dan", 40, 4000, -2.0, types::ValueList{Value(), "y"}},
  };
  for (const auto& row : rows) EXPECT_TRUE(builder.AppendRow(row).ok());
  return builder.Build();
}

std::vector<Value> ColumnOf(const Batch& batch, std::string_view name) {
  std::vector<Value> values;
  const types::Column* column = batch.Find(name);
  EXPECT_NE(column, nullptr) << name;
  for (size_t i = 0; column != nullptr && i < column->size(); ++i) {
    values.push_back(column->ValueAt(i));
  }
  return values;
}

TEST(Projection, SelectsWheresAndTime) {
  const auto database = OpenDatabase();
  auto projection =
      Projection::Bind(database.get(),
                       Selects({{"u", "user"}, {"twice", "amount * 2"}, {"n", "len(tags)"}},
                               {"amount IS NOT NULL", "rate > -10 OR rate IS NULL"}, "happened"),
                       kSchema, {{"rate"}})
          .value();
  EXPECT_EQ(projection.output().ToString(), "u STRING, twice LONG, n LONG, ts LONG, rate DOUBLE");
  const Projected out = projection.Apply(Rows()).value();
  EXPECT_EQ(out.source_rows, (std::vector<uint32_t>{0, 2, 3}));
  EXPECT_EQ(ColumnOf(out.rows, "u"), (std::vector<Value>{"ann", Value(), "dan"}));
  EXPECT_EQ(ColumnOf(out.rows, "twice"), (std::vector<Value>{20, 60, 80}));
  EXPECT_EQ(ColumnOf(out.rows, "n"), (std::vector<Value>{2, 0, 2}));
  EXPECT_EQ(ColumnOf(out.rows, "ts"), (std::vector<Value>{1000, 3000, 4000}));
  EXPECT_EQ(ColumnOf(out.rows, "rate"), (std::vector<Value>{0.5, Value(), -2.0}));
  EXPECT_TRUE(out.bad_rows.empty());
}

TEST(Projection, PlainColumnsShareMemory) {
  const auto database = OpenDatabase();
  auto projection =
      Projection::Bind(database.get(), Selects({{"u", "user"}, {"T", "\"tags\""}}, {}, "HAPPENED"),
                       kSchema)
          .value();
  EXPECT_FALSE(projection.computes());
  const Batch rows = Rows();
  const Projected out = projection.Apply(rows).value();
  EXPECT_EQ(&out.rows.column(0), &rows.column(0));
  EXPECT_EQ(&out.rows.column(1), &rows.column(4));
  EXPECT_EQ(&out.rows.column(2), &rows.column(2));
  EXPECT_EQ(out.source_rows, (std::vector<uint32_t>{0, 1, 2, 3}));
}

TEST(Projection, NoSelectsMeansEveryColumn) {
  const auto database = OpenDatabase();
  Query query;
  query.time_column = Sql("CAST(happened AS DOUBLE)");
  auto projection = Projection::Bind(database.get(), query, kSchema).value();
  EXPECT_EQ(projection.output().ToString(), kSchema.ToString() + ", ts LONG");
  EXPECT_EQ(ColumnOf(projection.Apply(Rows())->rows, "ts"),
            (std::vector<Value>{1000, 2000, 3000, 4000}));
}

TEST(Projection, EmptyBatch) {
  const auto database = OpenDatabase();
  auto projection =
      Projection::Bind(database.get(), Selects({{"a", "amount + 1"}}, {"rate > 0"}), kSchema)
          .value();
  BatchBuilder none(kSchema);
  const Projected out = projection.Apply(none.Build()).value();
  EXPECT_EQ(out.rows.rows(), 0u);
  EXPECT_EQ(out.rows.schema().ToString(), "a LONG");
}

TEST(Projection, BadRowsCostNoOther) {
  const auto database = OpenDatabase();
  auto projection =
      Projection::Bind(database.get(),
                       Selects({{"u", "user"}, {"big", "amount * 922337203685477580"}}), kSchema)
          .value();
  BatchBuilder builder(kSchema);
  for (int i = 0; i < 5000; ++i) {
    const int amount = i == 7 || i == 3333 || i == 4999 ? 100 : i % 10;
    EXPECT_TRUE(
        builder.AppendRow(std::vector<Value>{"u" + std::to_string(i), amount, i, 1.0, Value()})
            .ok());
  }
  const Projected out = projection.Apply(builder.Build()).value();
  ASSERT_EQ(out.bad_rows.size(), 3u);
  EXPECT_EQ(out.bad_rows[0].row, 7u);
  EXPECT_EQ(out.bad_rows[1].row, 3333u);
  EXPECT_EQ(out.bad_rows[2].row, 4999u);
  EXPECT_THAT(out.bad_rows[0].message, HasSubstr("Overflow"));
  ASSERT_EQ(out.rows.rows(), 4997u);
  for (size_t i = 0; i < out.rows.rows(); ++i) {
    ASSERT_EQ(out.rows.column(0).Text(i), "u" + std::to_string(out.source_rows[i]));
  }
}

TEST(Projection, TextThatIsNotUtf8IsABadRow) {
  const auto database = OpenDatabase();
  auto projection =
      Projection::Bind(database.get(), Selects({{"u", "upper(user)"}}), kSchema).value();
  BatchBuilder builder(kSchema);
  for (const char* user : {"a", "\xff\xfe", "\xc3\xa9t\xc3\xa9", "b\x80"}) {
    EXPECT_TRUE(builder.AppendRow(std::vector<Value>{user, 1, 1, 1.0, Value()}).ok());
  }
  const Projected out = projection.Apply(builder.Build()).value();
  EXPECT_EQ(out.source_rows, (std::vector<uint32_t>{0, 2}));
  ASSERT_EQ(out.bad_rows.size(), 2u);
  EXPECT_EQ(out.bad_rows[1].row, 3u);
  EXPECT_THAT(out.bad_rows[0].message, HasSubstr("column user"));
}

TEST(Projection, EveryViolationIsNamedAtBind) {
  const auto database = OpenDatabase();
  const auto bound = Projection::Bind(
      database.get(), Selects({{"x", "amuont + 1"}, {"y", "user"}, {"z", "nope"}}, {"1; 2"}),
      kSchema);
  ASSERT_FALSE(bound.ok());
  EXPECT_EQ(bound.error().code, ErrorCode::kInvalidConf);
  const std::string& message = bound.error().message;
  EXPECT_THAT(message, HasSubstr("select x: no such column: amuont"));
  EXPECT_THAT(message, HasSubstr("amount LONG"));
  EXPECT_THAT(message, HasSubstr("select z: no such column: nope"));
  EXPECT_THAT(message, HasSubstr("where: not allowed as an expression"));
}

TEST(Projection, TypeErrorsNameTheExpression) {
  const auto database = OpenDatabase();
  for (const auto& [text, words] : std::vector<std::pair<std::string, std::string>>{
           {"user + tags", "select x: user + tags: "},
           {"no_such_function(amount)", "no_such_function"},
           {"CAST('11:00' AS TIME)", "cast it"}}) {
    const auto bound =
        Projection::Bind(database.get(), Selects({{"fine", "amount + 1"}, {"x", text}}), kSchema);
    ASSERT_FALSE(bound.ok()) << text;
    EXPECT_THAT(bound.error().message, HasSubstr(words)) << text;
  }
}

TEST(Projection, AWhereThatIsNoConditionIsRefusedAtBind) {
  const auto database = OpenDatabase();
  for (const auto& [where, type] : std::vector<std::pair<std::string, std::string>>{
           {"amount", "LONG"}, {"user", "STRING"}, {"amount + 1", "LONG"}, {"'true'", "STRING"}}) {
    const auto bound = Projection::Bind(database.get(),
                                        Selects({{"x", "amount"}}, {"amount > 1", where}), kSchema);
    ASSERT_FALSE(bound.ok()) << where;
    EXPECT_EQ(bound.error().code, ErrorCode::kInvalidConf);
    EXPECT_EQ(bound.error().message,
              "where: " + where + ": must be BOOLEAN, is " + type + "; compare it with something");
  }
  const types::Schema truth{{{"b", types::Kind::kBool}}};
  EXPECT_TRUE(Projection::Bind(database.get(), Selects({{"b", "b"}}, {"b", "NOT b"}), truth).ok());
}

TEST(Projection, ATimeColumnThatIsNoNumberSaysTheRemedy) {
  const auto database = OpenDatabase();
  for (const types::Kind kind : {types::Kind::kTimestamp, types::Kind::kDate}) {
    conf::Query query;
    query.time_column = {"at", "at"};
    const auto bound = Projection::Bind(database.get(), query, {{{"at", kind}}});
    ASSERT_FALSE(bound.ok());
    EXPECT_EQ(bound.error().code, ErrorCode::kInvalidConf);
    EXPECT_THAT(bound.error().message, HasSubstr("say unix_millis(at)"));
  }
}

TEST(Projection, UntranslatedSaysTheRemedy) {
  const auto database = OpenDatabase();
  Query query;
  query.has_selects = true;
  query.selects.emplace_back("x", Expression{"unix_timestamp(happened)", ""});
  const auto bound = Projection::Bind(database.get(), query, kSchema);
  ASSERT_FALSE(bound.ok());
  EXPECT_THAT(bound.error().message, HasSubstr("catena compile --from"));
}

TEST(Projection, OnlySingleScalarExpressions) {
  const auto database = OpenDatabase();
  for (const std::string text : {"(SELECT 1)",
                                 "EXISTS (SELECT 1)",
                                 "amount IN (SELECT 1)",
                                 "amount; SELECT 2",
                                 "amount;",
                                 "1) FROM read_csv('/etc/passwd') AS t(c) WHERE (true",
                                 "amount, user",
                                 "amount AS b",
                                 "amount b",
                                 "*",
                                 "COLUMNS('a')",
                                 "?",
                                 "$1",
                                 "#1",
                                 "sum(amount)",
                                 "count(*)",
                                 "row_number() OVER ()",
                                 "sum(amount) OVER ()",
                                 "unnest(tags)",
                                 "amount LIMIT 1",
                                 "amount UNION SELECT 1",
                                 "amount FROM pg_tables",
                                 "DISTINCT amount",
                                 "random()",
                                 "now()",
                                 "current_timestamp",
                                 "uuid()",
                                 "nextval('s')",
                                 "getenv('HOME')",
                                 "current_setting('threads')",
                                 "getvariable('x')",
                                 "read_csv('/etc/passwd')",
                                 "read_text('/etc/passwd')",
                                 "pg_sleep(1)",
                                 "wavg(amount, rate)",
                                 "DEFAULT",
                                 "amount -- x",
                                 "(amount",
                                 "amount)",
                                 "amount /*",
                                 "",
                                 " ",
                                 "COPY (SELECT 1) TO '/tmp/x'",
                                 "PRAGMA version",
                                 "glob('*')",
                                 "query('SELECT 1')",
                                 "list_transform(tags, t -> (SELECT 1))",
                                 "[x FOR x IN (SELECT 1)]",
                                 "CASE WHEN (SELECT true) THEN 1 END",
                                 "write_log('x')",
                                 "json_group_array(amount)",
                                 "format_type(1, 1)",
                                 "sum(amount) FILTER (WHERE true)"}) {
    const auto bound = Projection::Bind(database.get(), Selects({{"x", text}}), kSchema);
    if (text == "amount -- x") {
      EXPECT_TRUE(bound.ok()) << "a comment ends with its line";
      continue;
    }
    ASSERT_FALSE(bound.ok()) << text;
    EXPECT_EQ(bound.error().code, ErrorCode::kInvalidConf) << bound.error().message;
    const auto where = Projection::Bind(
        database.get(), Selects({{"x", "amount"}}, {text.empty() ? " " : text}), kSchema);
    EXPECT_FALSE(where.ok()) << text;
  }
}

TEST(Projection, OrdinaryExpressionsPass) {
  const auto database = OpenDatabase();
  for (const std::string text : {"amount",
                                 "\"amount\"",
                                 "`amount`",
                                 "amount + 1",
                                 "CASE WHEN amount > 5 THEN 'a' END",
                                 "TRY_CAST(user AS BIGINT)",
                                 "coalesce(amount, 0)",
                                 "amount BETWEEN 1 AND 5",
                                 "user LIKE 'a%'",
                                 "user IN ('a', 'b')",
                                 "list_transform(tags, lambda t: upper(t))",
                                 "list_sum([1, 2])",
                                 "map(['a'], [amount])",
                                 "tags[1]",
                                 "epoch_ms(happened)",
                                 "strftime(make_timestamp(happened * 1000), '%Y')",
                                 "user::VARCHAR COLLATE NOCASE = 'x'",
                                 "'text with ; and (SELECT 1)'",
                                 "true",
                                 "NULL",
                                 "regexp_extract(user, '(a)', 1)",
                                 "INTERVAL 1 DAY + make_timestamp(happened)",
                                 "range(3)",
                                 "split_part(user, 'a', 1)",
                                 "nullif(amount, 0)",
                                 "error('never run on no rows')",
                                 "user ->> '$.a'",
                                 "concat_ws('-', user, amount)",
                                 "list_reduce([1], lambda a, b: a + b)",
                                 "amount % 7 = 3 AND NOT rate > 1",
                                 "hash(user)",
                                 "round(rate, 2)"}) {
    const auto bound = Projection::Bind(database.get(), Selects({{"x", text}}), kSchema);
    EXPECT_TRUE(bound.ok() || bound.error().code == ErrorCode::kUnsupported)
        << text << ": " << bound.error().message;
  }
}

TEST(Projection, OddNamesAreQuoted) {
  const auto database = OpenDatabase();
  const Schema odd{{{"a b", Kind::kLong},
                    {"q\"x", Kind::kLong},
                    {"select", Kind::kLong},
                    {"\xc3\xa9", Kind::kLong},
                    {"x;--", Kind::kLong}}};
  BatchBuilder builder(odd);
  EXPECT_TRUE(builder.AppendRow(std::vector<Value>{1, 2, 3, 4, 5}).ok());
  const Batch rows = builder.Build();
  std::vector<std::pair<std::string, std::string>> selects;
  for (const auto& field : odd.fields) {
    selects.emplace_back(field.name + "'", QuoteName(field.name) + " + 1");
    selects.emplace_back(field.name, QuoteName(field.name));
  }
  auto projection = Projection::Bind(database.get(), Selects(selects), odd);
  ASSERT_TRUE(projection.ok()) << projection.error().message;
  const auto out = projection->Apply(rows).value();
  EXPECT_EQ(out.rows.Row(0), (std::vector<Value>{2, 1, 3, 2, 4, 3, 5, 4, 6, 5}));
}

TEST(Projection, TwoThreadsTwoProjections) {
  const auto database = OpenDatabase();
  const auto work = [&](int factor) {
    auto projection =
        Projection::Bind(database.get(),
                         Selects({{"x", "amount * " + std::to_string(factor)}}, {"amount > 0"}),
                         kSchema)
            .value();
    for (int i = 0; i < 300; ++i) {
      const auto out = projection.Apply(Rows()).value();
      ASSERT_EQ(ColumnOf(out.rows, "x"),
                (std::vector<Value>{10 * factor, 30 * factor, 40 * factor}));
    }
  };
  std::thread other(work, 3);
  work(7);
  other.join();
}

// Random expressions over random rows, against one SELECT per row with the values as literals.
TEST(ProjectionProperty, EqualsRowByRowSelect) {
  const uint64_t seed = 20261121;
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  Random random(seed);
  const auto database = OpenDatabase();
  const Schema schema{{{"a", Kind::kLong},
                       {"b", Kind::kInt},
                       {"c", Kind::kDouble},
                       {"d", Kind::kString},
                       {"e", Kind::kBool}}};
  const std::vector<std::string> leaves = {"a",    "b",      "c",    "7",
                                           "0.25", "len(d)", "NULL", "CASE WHEN e THEN 1 END"};
  const auto pick = [&](const std::vector<std::string>& of) { return of[random.Below(of.size())]; };
  const auto expression = [&](auto&& self, int depth) -> std::string {
    if (depth == 0) return pick(leaves);
    const std::string left = self(self, depth - 1);
    switch (random.Below(5)) {
      case 0:
        return "(" + left + " + " + self(self, depth - 1) + ")";
      case 1:
        return "(" + left + " * " + self(self, depth - 1) + ")";
      case 2:
        return "coalesce(" + left + ", " + self(self, depth - 1) + ")";
      case 3:
        return "CASE WHEN " + left + " > 2 THEN " + self(self, depth - 1) + " END";
      default:
        return "abs(" + left + ")";
    }
  };
  for (int round = 0; round < 25; ++round) {
    BatchBuilder builder(schema);
    std::vector<std::vector<Value>> rows;
    for (uint64_t i = 0; i < 1 + random.Below(40); ++i) {
      const auto or_null = [&](Value value) { return random.OneIn(5) ? Value() : value; };
      rows.push_back({or_null(random.Between(-1000, 1000)), or_null(random.Between(-9, 9)),
                      or_null(static_cast<double>(random.Between(-64, 64)) / 4),
                      or_null(std::string(random.Below(30), 'x')), or_null(random.OneIn(2))});
      ASSERT_TRUE(builder.AppendRow(rows.back()).ok());
    }
    const std::string select = expression(expression, 2);
    const std::string where = expression(expression, 1) + " > 0";
    auto projection = Projection::Bind(database.get(), Selects({{"x", select}}, {where}), schema);
    ASSERT_TRUE(projection.ok()) << projection.error().message;
    const Projected out = projection->Apply(builder.Build()).value();
    ASSERT_TRUE(out.bad_rows.empty());
    std::vector<Value> expected;
    std::vector<uint32_t> expected_rows;
    for (uint32_t i = 0; i < rows.size(); ++i) {
      std::string literals;
      for (size_t c = 0; c < schema.size(); ++c) {
        const Value& value = rows[i][c];
        const std::string text = value.is_null() ? "NULL"
                                 : schema.fields[c].type == DataType(Kind::kString)
                                     ? QuoteText(std::get<std::string>(value.data))
                                     : PrintJson(ToJson(value));
        literals += (c == 0 ? "" : ", ") + ("CAST(" + text) + " AS " +
                    SqlTypeName(schema.fields[c].type) + ") AS " + schema.fields[c].name;
      }
      const Batch one =
          database
              ->Query("SELECT " + select + " AS x FROM (SELECT " + literals + ") WHERE " + where)
              .value();
      if (one.rows() == 0) continue;
      expected.push_back(one.column(0).ValueAt(0));
      expected_rows.push_back(i);
    }
    ASSERT_EQ(out.source_rows, expected_rows) << select << " WHERE " << where;
    ASSERT_EQ(ColumnOf(out.rows, "x"), expected) << select << " WHERE " << where;
  }
}

}  // namespace
}  // namespace catena::sql
