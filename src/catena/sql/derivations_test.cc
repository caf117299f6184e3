// SPDX-License-Identifier: Apache-2.0
#include "catena/sql/derivations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <map>

#include "catena/base/random.h"

namespace catena::sql {
namespace {

using testing::HasSubstr;
using types::Batch;
using types::BatchBuilder;
using types::Kind;
using types::Schema;
using types::Value;

const Schema kBase{{{"sum", Kind::kDouble}, {"count", Kind::kLong}, {"text", Kind::kString}}};
const Schema kContext{{{"user", Kind::kLong}, {"ts", Kind::kLong}}};

std::vector<conf::Derivation> Listed(
    const std::vector<std::pair<std::string, std::string>>& derivations) {
  std::vector<conf::Derivation> listed;
  for (const auto& [name, text] : derivations) {
    listed.push_back({name, {text, text == "*" ? "" : text}});
  }
  return listed;
}

class DerivationsTest : public testing::Test {
 protected:
  Result<Derivations> Bind(const std::vector<std::pair<std::string, std::string>>& derivations,
                           const Derivations::IsAbsent& is_absent = nullptr) {
    return Derivations::Bind(database_.get(), Listed(derivations), kBase, kContext, is_absent);
  }
  std::string Refusal(const std::vector<std::pair<std::string, std::string>>& derivations) {
    const auto bound = Bind(derivations);
    EXPECT_FALSE(bound.ok());
    if (bound.ok()) return "";
    EXPECT_EQ(bound.error().code, ErrorCode::kInvalidConf);
    return bound.error().message;
  }
  static Batch Rows() {
    Schema schema = kBase;
    for (const types::Field& field : kContext.fields) schema.fields.push_back(field);
    BatchBuilder builder(schema);
    const std::vector<std::vector<Value>> rows = {{1.5, 3, "12", 7, 1000},
                                                  {Value(), 0, "x", 8, 2000},
                                                  {4.0, Value(), Value(), Value(), 3000}};
    for (const auto& row : rows) EXPECT_TRUE(builder.AppendRow(row).ok());
    return builder.Build();
  }
  std::unique_ptr<Database> database_ = *Database::Open({});
};

TEST_F(DerivationsTest, StarKeepsWhatNoDerivationRenamesOrRedefines) {
  auto bound = Bind({{"first", "user"}, {"*", "*"}, {"n", "count"}, {"text", "upper(text)"}});
  ASSERT_TRUE(bound.ok()) << bound.error().message;
  EXPECT_EQ(bound->output().ToString(), "first LONG, sum DOUBLE, n LONG, text STRING");
  const Derived derived = *bound->Apply(Rows());
  EXPECT_EQ(derived.columns.Row(1), (std::vector<Value>{8, Value(), 0, "X"}));
  EXPECT_TRUE(derived.bad_rows.empty());
}

TEST_F(DerivationsTest, WithoutStarOnlyDerivationsStay) {
  auto bound = Bind({{"mean", "sum / count"}, {"one", "1"}});
  ASSERT_TRUE(bound.ok()) << bound.error().message;
  const Derived derived = *bound->Apply(Rows());
  EXPECT_EQ(derived.columns.schema().ToString(), "mean DOUBLE, one INT");
  EXPECT_EQ(derived.columns.Row(0), (std::vector<Value>{0.5, 1}));
  EXPECT_TRUE(bound->Reads("sum"));
  EXPECT_FALSE(bound->Reads("text"));
}

TEST_F(DerivationsTest, OneNeedsAnotherInWhateverOrderTheyAreListed) {
  auto bound = Bind({{"c", "b + a"}, {"b", "a * 10"}, {"a", "count + 1"}});
  ASSERT_TRUE(bound.ok()) << bound.error().message;
  EXPECT_EQ(bound->Apply(Rows())->columns.Row(0), (std::vector<Value>{44, 40, 4}));
}

TEST_F(DerivationsTest, ABaseColumnWinsOverADerivationOfItsName) {
  auto bound = Bind({{"count", "count * 100"}, {"next", "count + 1"}});
  ASSERT_TRUE(bound.ok()) << bound.error().message;
  EXPECT_EQ(bound->Apply(Rows())->columns.Row(0), (std::vector<Value>{300, 4}));
}

TEST_F(DerivationsTest, OneNamedLikeAContextColumnFillsItsNulls) {
  auto bound = Bind({{"user", "-1"}});
  ASSERT_TRUE(bound.ok()) << bound.error().message;
  const Batch columns = bound->Apply(Rows())->columns;
  EXPECT_EQ(columns.Row(1)[0], Value(8));
  EXPECT_EQ(columns.Row(2)[0], Value(-1));
}

TEST_F(DerivationsTest, ARowThatFailsIsNullInWhatWasComputedAndCostsNoOtherRow) {
  auto bound = Bind({{"*", "*"}, {"number", "CAST(text AS BIGINT)"}, {"more", "number + 1"}});
  ASSERT_TRUE(bound.ok()) << bound.error().message;
  const Derived derived = *bound->Apply(Rows());
  ASSERT_EQ(derived.bad_rows.size(), 1u);
  EXPECT_EQ(derived.bad_rows[0].row, 1u);
  EXPECT_THAT(derived.bad_rows[0].message, HasSubstr("x"));
  EXPECT_EQ(derived.columns.Row(0), (std::vector<Value>{1.5, 3, "12", 12, 13}));
  EXPECT_EQ(derived.columns.Row(1), (std::vector<Value>{Value(), 0, "x", Value(), Value()}));
}

TEST_F(DerivationsTest, RefusesWhatCanNotBeComputed) {
  const std::string unknown = Refusal({{"a", "summ + 1"}, {"b", "cuont"}});
  EXPECT_THAT(unknown, HasSubstr("derivation a: no such column: summ"));
  EXPECT_THAT(unknown, HasSubstr("derivation b: no such column: cuont"));
  EXPECT_THAT(unknown, HasSubstr("sum DOUBLE, count LONG"));
  EXPECT_THAT(Refusal({{"z", "1"}, {"a", "b + 1"}, {"b", "c"}, {"c", "a + z"}}),
              HasSubstr("in a circle; write one of them out: a -> b -> c -> a"));
  EXPECT_THAT(Refusal({{"a", "a + 1"}}), HasSubstr("a -> a"));
  EXPECT_THAT(Refusal({{"a", "1"}, {"a", "2"}}), HasSubstr("two derivations have one name: a"));
  EXPECT_THAT(Refusal({{"a", "sum(count)"}}), HasSubstr("derivation a"));
  const auto untranslated = Derivations::Bind(
      database_.get(), std::vector<conf::Derivation>{{"a", {"IF(count > 1, 1, 0)", ""}}}, kBase,
      kContext);
  ASSERT_FALSE(untranslated.ok());
  EXPECT_THAT(untranslated.error().message, HasSubstr("catena compile"));
}

TEST_F(DerivationsTest, WhatNeedsAnAbsentColumnIsLeftOutAndTheRestIsThere) {
  const auto is_absent = [](const std::string& column) { return column.starts_with("gone_"); };
  auto bound =
      Bind({{"*", "*"}, {"a", "gone_x + count"}, {"b", "a + 1"}, {"c", "count + 1"}}, is_absent);
  ASSERT_TRUE(bound.ok()) << bound.error().message;
  EXPECT_EQ(bound->output().ToString(), "sum DOUBLE, count LONG, text STRING, c LONG");
  EXPECT_FALSE(Bind({{"a", "other + 1"}}, is_absent).ok());
}

// Sums of base columns and of other derivations: d5 may need d0 to d4, and so on.
using Sums = std::map<std::string, std::vector<std::string>>;

Sums RandomSums(Random* random) {
  Sums sums;
  for (int i = 0; i < 6; ++i) {
    std::vector<std::string> terms = {"b" + std::to_string(random->Below(4))};
    for (int j = 0; j < i; ++j) {
      if (random->OneIn(3)) terms.push_back("d" + std::to_string(j));
    }
    sums["d" + std::to_string(i)] = terms;
  }
  return sums;
}

Batch RandomRows(Random* random) {
  BatchBuilder builder(
      Schema{{{"b0", Kind::kLong}, {"b1", Kind::kLong}, {"b2", Kind::kLong}, {"b3", Kind::kLong}}});
  for (int row = 0; row < 5; ++row) {
    std::vector<Value> values;
    for (int i = 0; i < 4; ++i) {
      values.emplace_back();
      if (!random->OneIn(5)) values.back() = Value(random->Between(0, 99));
    }
    EXPECT_TRUE(builder.AppendRow(values).ok());
  }
  return builder.Build();
}

// The naive twin: follows the names.
Value ValueOf(const std::string& name, const Sums& sums, const Batch& rows, size_t row) {
  if (name[0] == 'b') return rows.Find(name)->ValueAt(row);
  int64_t sum = 0;
  for (const std::string& term : sums.at(name)) {
    const Value value = ValueOf(term, sums, rows, row);
    if (value.is_null()) return Value();
    sum += std::get<int64_t>(value.data);
  }
  return sum;
}

TEST_F(DerivationsTest, EqualsFollowingTheNames) {
  const uint64_t seed = 20261126;
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  Random random(seed);
  for (int round = 0; round < 20; ++round) {
    const Batch rows = RandomRows(&random);
    const Sums sums = RandomSums(&random);
    std::vector<std::pair<std::string, std::string>> derivations;
    for (const auto& [name, terms] : sums) {
      std::string text;
      for (const std::string& term : terms) text += (text.empty() ? "" : " + ") + term;
      derivations.emplace_back(name, text);
    }
    for (size_t i = derivations.size(); i > 1; --i) {
      std::swap(derivations[i - 1], derivations[random.Below(i)]);
    }
    auto bound = Derivations::Bind(database_.get(), Listed(derivations), rows.schema(), {});
    ASSERT_TRUE(bound.ok()) << bound.error().message;
    const Batch derived = bound->Apply(rows)->columns;
    for (size_t row = 0; row < rows.rows(); ++row) {
      for (const auto& [name, terms] : sums) {
        EXPECT_EQ(derived.Find(name)->ValueAt(row), ValueOf(name, sums, rows, row)) << name;
      }
    }
  }
}

}  // namespace
}  // namespace catena::sql
