// SPDX-License-Identifier: Apache-2.0
#include "catena/fetch/fetcher.h"

#include <gtest/gtest.h>

#include "catena/aggregate/ir_codec.h"
#include "catena/conf/semantic_hash.h"
#include "catena/testing/property.h"

namespace catena::fetch {
namespace {

constexpr int64_t kBatchEnd = 20'000 * int64_t{86'400'000};  // A midnight.

constexpr char kTemporal[] = R"json({
  "metaData": {"name": "spend.v1"}, "keyColumns": ["user"],
  "aggregations": [
    {"inputColumn": "amount", "operation": 7, "windows": [{"length": 1, "timeUnit": 0},
                                                          {"length": 7, "timeUnit": 1}]},
    {"inputColumn": "amount", "operation": 6}],
  "sources": [{"events": {"table": "t.x", "topic": "x", "query": {"timeColumn": "ts"}}}]})json";

constexpr char kProfile[] = R"json({"metaData": {"name": "profile"}, "keyColumns": ["user"],
  "sources": [{"entities": {"snapshotTable": "t.p"}}]})json";

conf::Conf Parsed(const std::string& text) {
  return *conf::ParseConf(*ParseJson(text, "conf"), "conf");
}

conf::Conf JoinConf() {
  return Parsed(R"json({
  "metaData": {"name": "final"},
  "left": {"events": {"table": "t.spine", "query": {"timeColumn": "ts"}}},
  "joinParts": [
    {"keyMapping": {"u": "user"}, "groupBy": )json" +
                std::string(kTemporal) + R"json(},
    {"prefix": "p", "groupBy": )json" +
                kProfile + "}]}");
}

types::Batch Users(std::vector<types::Value> users, const char* name = "user") {
  types::BatchBuilder keys(types::Schema{{{name, types::Kind::kLong}}});
  for (const types::Value& user : users) {
    EXPECT_TRUE(keys.AppendRow(std::vector<types::Value>{user}).ok());
  }
  return keys.Build();
}

class FetcherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    store_ = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
    conf_ = Parsed(kTemporal);
    const types::Schema inputs{{{"amount", types::Kind::kDouble}}};
    windowed_ = *aggregate::WindowedAggregator::Bind(*conf_.group_by(), inputs);
    Mark(ServingInfoMark(
        "spend.v1",
        {{{{"user", types::Kind::kLong}}}, inputs, conf::MeaningOf(*conf_.group_by())}));
    fetcher_ = std::make_unique<Fetcher>(store_.get());
    fetcher_->AddConf(conf_);
  }
  void Mark(kv::Mark mark) { ASSERT_TRUE(store_->Apply({{}, {std::move(mark)}}).ok()); }
  void Put(const std::string& dataset, int64_t time, std::string value, uint64_t order = 0,
           int64_t user = 1) {
    std::string key;
    types::EncodeKey(std::vector<types::Value>{user}, &key);
    ASSERT_TRUE(
        store_->Apply({{{dataset, key, {FromMillis(time), order, std::move(value)}}}, {}}).ok());
  }
  types::Batch Amount(double amount) {
    types::BatchBuilder rows(types::Schema{{{"amount", types::Kind::kDouble}}});
    EXPECT_TRUE(rows.AppendRow(std::vector<types::Value>{amount}).ok());
    return rows.Build();
  }
  std::string RowOf(double amount) {
    std::string bytes;
    const std::vector<size_t> first = {0};
    types::RowCodec({{{"amount", types::Kind::kDouble}}}).Encode(Amount(amount), first, 0, &bytes);
    return bytes;
  }
  // The upload of one event at `time`.
  void Upload(int64_t batch_end, int64_t time, double amount) {
    aggregate::UploadIr upload(*windowed_, FromMillis(batch_end));
    const uint64_t order = 0;
    const uint32_t row = 0;
    upload.AddRows(Amount(amount), {&time, 1}, {&order, 1}, {&row, 1});
    std::string bytes;
    upload.Encode(&bytes);
    Put(UploadDataset("spend.v1"), batch_end, std::move(bytes));
  }
  // Of events at `time`.
  std::string TileOf(int64_t time, double amount, uint64_t incomplete) {
    aggregate::IR ir(windowed_->rows());
    const uint64_t order = 0;
    const uint32_t row = 0;
    windowed_->rows().UpdateOne(Amount(amount), {&time, 1}, {&order, 1}, {&row, 1}, ir.data());
    std::string bytes;
    aggregate::EncodeIr(windowed_->rows(), ir.data(), FromMillis(time), &bytes);
    std::string tile;
    EncodeTile(incomplete, bytes, &tile);
    return tile;
  }
  void PutRandomState(Random* random);
  FetchAnswer At(int64_t t, types::Value user = 1) {
    const Timestamp as_of = FromMillis(t);
    auto answer = fetcher_->FetchGroupBy("spend.v1", Users({user}), {&as_of, 1});
    EXPECT_TRUE(answer.ok()) << answer.error().message;
    return std::move(*answer);
  }

  std::unique_ptr<kv::KVStore> store_;
  conf::Conf conf_;
  std::optional<aggregate::WindowedAggregator> windowed_;
  std::unique_ptr<Fetcher> fetcher_;
};

// Of a quarter of an hour, half of them from its first 20 milliseconds.
int64_t RandomMillis(Random* random) {
  return static_cast<int64_t>(random->Below(random->OneIn(2) ? 900'000 : 20));
}

// Three users; half of the times above an upload of the first.
void FetcherTest::PutRandomState(Random* random) {
  for (uint64_t i = 0; i < 100; ++i) {
    std::string raw;
    const auto amount = static_cast<double>(random->Below(100));
    EncodeRawRow(random->OneIn(50), RowOf(amount), &raw);
    Put(RawDataset("spend.v1"), kBatchEnd + RandomMillis(random), raw, i,
        1 + static_cast<int64_t>(random->Below(3)));
  }
  for (int64_t user = 1; user <= 3; ++user) {
    for (int64_t start = kBatchEnd; start < kBatchEnd + 900'000; start += 300'000) {
      if (random->OneIn(3)) continue;
      Put(TileDataset("spend.v1", aggregate::Layer::kFiveMinutes), start,
          TileOf(start, static_cast<double>(random->Below(100)), random->OneIn(10) ? 1 : 0), 0,
          user);
    }
  }
  Mark(RetentionMark("spend.v1", {kBatchEnd, INT64_MIN, INT64_MIN,
                                  kBatchEnd + static_cast<int64_t>(random->Below(900'000))}));
  if (random->OneIn(2)) return;
  Upload(kBatchEnd, kBatchEnd - 1'800'000, 5.0);
  Mark(GenerationsMark("spend.v1", {{FromMillis(kBatchEnd), FromMillis(kBatchEnd), {}}}));
}

// Those of one key within five minutes share what is read, and the windows.
TEST_F(FetcherTest, ARowAmongOthersIsWhatItIsAlone) {
  testing::ForSeeds(60, [this](Random& random) {
    SetUp();
    PutRandomState(&random);
    std::vector<types::Value> users;
    std::vector<Timestamp> as_of;
    for (uint64_t row = random.Below(80); row > 0; --row) {
      const auto user = static_cast<int64_t>(random.Below(5));
      users.emplace_back();  // Null.
      if (user != 0) users.back() = user;
      const int64_t time = kBatchEnd + RandomMillis(&random) - (random.OneIn(10) ? 20 : 0);
      as_of.push_back(random.OneIn(40) ? Timestamp::max() : FromMillis(time));
    }
    const auto together = fetcher_->FetchGroupBy("spend.v1", Users(users), as_of);
    ASSERT_TRUE(together.ok()) << together.error().message;
    for (size_t row = 0; row < users.size(); ++row) {
      const FetchAnswer alone = At(ToMillis(as_of[row]), users[row]);
      ASSERT_EQ(together->features.Row(row), alone.features.Row(0)) << row;
      const RowAnswer& answer = together->parts[0].rows[row];
      ASSERT_EQ(answer.incomplete, alone.parts[0].rows[0].incomplete) << row;
      ASSERT_EQ(answer.out_of_retention, alone.parts[0].rows[0].out_of_retention) << row;
    }
  });
}

TEST_F(FetcherTest, AnUploadMovesItsTailAndASwitchOfGenerationsIsOneMark) {
  Upload(kBatchEnd, kBatchEnd - 1'800'000, 5.0);
  EXPECT_EQ(At(kBatchEnd).parts[0].rows[0].incomplete, Incomplete::kNoUpload);  // Not published.
  Mark(GenerationsMark("spend.v1", {{FromMillis(kBatchEnd), FromMillis(kBatchEnd), {}}}));
  Mark(RetentionMark("spend.v1", {kBatchEnd, INT64_MIN, INT64_MIN}));
  using Row = std::vector<types::Value>;
  EXPECT_EQ(At(kBatchEnd).features.Row(0), (Row{5.0, 5.0, 1}));
  EXPECT_TRUE(At(kBatchEnd).Complete(0));
  EXPECT_EQ(At(kBatchEnd + 3'600'000).features.Row(0), (Row{types::Value(), 5.0, 1}));
  EXPECT_EQ(At(kBatchEnd - 1).parts[0].rows[0].incomplete, Incomplete::kNoUpload);
}

TEST_F(FetcherTest, LateRowsAreAddedOnlyToUploadsThatMissedThem) {
  Upload(kBatchEnd, kBatchEnd - 1'800'000, 5.0);
  std::string late;
  EncodeLateRow({kBatchEnd - 600'000, false, RowOf(2.0)}, &late);
  Put(LateDataset("spend.v1"), kBatchEnd + 1000, late, 7);
  Mark(RetentionMark("spend.v1", {kBatchEnd, INT64_MIN, INT64_MIN}));
  Mark(GenerationsMark("spend.v1", {{FromMillis(kBatchEnd), FromMillis(kBatchEnd), {}}}));
  EXPECT_EQ(At(kBatchEnd + 5000).features.column(0).ValueAt(0), types::Value(7.0));
  Mark(GenerationsMark("spend.v1", {{FromMillis(kBatchEnd), FromMillis(kBatchEnd + 2000), {}}}));
  EXPECT_EQ(At(kBatchEnd + 5000).features.column(0).ValueAt(0), types::Value(5.0));
  Mark(GenerationsMark("spend.v1", {{FromMillis(kBatchEnd), FromMillis(0), {{0, 8}}}}));
  EXPECT_EQ(At(kBatchEnd + 5000).features.column(0).ValueAt(0), types::Value(5.0));
}

TEST_F(FetcherTest, IncompletenessTravelsAndRetentionIsRefusedNotRounded) {
  std::string raw;
  EncodeRawRow(true, RowOf(3.0), &raw);
  Put(RawDataset("spend.v1"), kBatchEnd + 60'000, raw);
  Mark(RetentionMark("spend.v1", {INT64_MIN, kBatchEnd, INT64_MIN}));
  const FetchAnswer answer = At(kBatchEnd + 60'001);
  EXPECT_EQ(answer.features.column(0).ValueAt(0), types::Value(3.0));
  EXPECT_EQ(answer.parts[0].rows[0].incomplete, Incomplete::kUpstream);
  EXPECT_TRUE(At(kBatchEnd + 60'000).features.column(0).IsNull(0));  // An event at t is not seen.
  EXPECT_TRUE(At(kBatchEnd - 1).parts[0].rows[0].out_of_retention);
  EXPECT_FALSE(At(kBatchEnd - 300'000).parts[0].rows[0].out_of_retention);  // On the grid: tiles.
  Mark(RetentionMark("spend.v1", {INT64_MIN, kBatchEnd, kBatchEnd}));
  EXPECT_TRUE(At(kBatchEnd - 300'000).parts[0].rows[0].out_of_retention);
}

TEST_F(FetcherTest, AStreamThatIsBehindIsNotTakenForAnEmptyOne) {
  Mark(RetentionMark("spend.v1", {INT64_MIN, INT64_MIN, INT64_MIN, kBatchEnd}));
  EXPECT_TRUE(At(kBatchEnd + 5000).Complete(0));
  EXPECT_EQ(At(kBatchEnd + 5001).parts[0].rows[0].incomplete, Incomplete::kStreamBehind);
  fetcher_ = std::make_unique<Fetcher>(store_.get(), /*gated=*/true);
  fetcher_->AddConf(conf_);
  EXPECT_TRUE(At(kBatchEnd + 5001).Complete(0));
}

TEST_F(FetcherTest, ANullKeyIsARowOfNullsAndAnOldUploadSaysSo) {
  Upload(kBatchEnd, kBatchEnd - 1'800'000, 5.0);
  Mark(GenerationsMark("spend.v1", {{FromMillis(kBatchEnd), FromMillis(kBatchEnd), {}}}));
  EXPECT_TRUE(At(kBatchEnd, types::Value()).features.column(0).IsNull(0));
  EXPECT_TRUE(At(kBatchEnd, types::Value()).Complete(0));
  EXPECT_EQ(At(kBatchEnd + 1).parts[0].rows[0].incomplete, Incomplete::kNoStream);
  EXPECT_EQ(At(kBatchEnd + 3 * 86'400'000).parts[0].rows[0].incomplete, Incomplete::kUploadOld);
}

TEST_F(FetcherTest, InstantsThatNoCalendarHasAreOutOfRetention) {
  Upload(kBatchEnd, kBatchEnd - 1'800'000, 5.0);
  for (const bool streams : {false, true}) {
    if (streams) Mark(RetentionMark("spend.v1", {INT64_MIN, INT64_MIN, INT64_MIN}));
    for (const int64_t t : {INT64_MIN, INT64_MIN + 1, INT64_MAX - 1, INT64_MAX}) {
      EXPECT_TRUE(At(t).parts[0].rows[0].out_of_retention) << t;
      EXPECT_TRUE(At(t).features.column(0).IsNull(0)) << t;
    }
    EXPECT_FALSE(At(-86'400'000).parts[0].rows[0].out_of_retention);
  }
}

TEST_F(FetcherTest, AnotherDefinitionOfTheSameNameIsRefusedNotMisread) {
  Upload(kBatchEnd, kBatchEnd - 1'800'000, 5.0);
  Mark(GenerationsMark("spend.v1", {{FromMillis(kBatchEnd), FromMillis(kBatchEnd), {}}}));
  EXPECT_EQ(At(kBatchEnd).features.column(0).ValueAt(0), types::Value(5.0));
  std::string changed = kTemporal;
  changed.replace(changed.find("\"ts\""), 4, "\"ts + 1\"");
  fetcher_->AddConf(Parsed(changed));
  const Timestamp as_of = FromMillis(kBatchEnd);
  const auto answer = fetcher_->FetchGroupBy("spend.v1", Users({1}), {&as_of, 1});
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, ErrorCode::kInvalidConf);
  EXPECT_NE(answer.error().message.find("different definitions"), std::string::npos);
}

TEST_F(FetcherTest, ExactWindowsAreRefused) {
  auto conf = *ParseJson(kTemporal, "test");
  conf["metaData"]["customJson"] = R"({"exact_windows": true})";
  fetcher_->AddConf(Parsed(PrintJson(conf)));
  const Timestamp as_of = FromMillis(kBatchEnd);
  const auto answer = fetcher_->FetchGroupBy("spend.v1", Users({1}), {&as_of, 1});
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(answer.error().message.find("drop exact_windows"), std::string::npos);
}

TEST_F(FetcherTest, AJoinAnswersWhatItCanAndNamesThePartThatFailed) {
  fetcher_->AddConf(JoinConf());
  const Timestamp as_of = FromMillis(kBatchEnd);
  auto answer = fetcher_->FetchJoin("final", Users({1}, "u"), {&as_of, 1});
  ASSERT_TRUE(answer.ok());
  ASSERT_EQ(answer->parts.size(), 2u);
  EXPECT_EQ(answer->features.schema().fields[0].name, "spend_v1_amount_sum_1h");
  ASSERT_TRUE(answer->parts[1].error.has_value());
  EXPECT_EQ(answer->parts[1].name, "p_profile");
  EXPECT_EQ(answer->parts[1].error->code, ErrorCode::kNotFound);
  EXPECT_FALSE(answer->Complete(0));
}

TEST_F(FetcherTest, DerivationsOfAJoinAreComputedFromItsPartsAndTheRequest) {
  std::string group_by = kTemporal;
  group_by.insert(group_by.rfind('}'), R"json(, "derivations": [
    {"name": "mean", "expression": "amount_sum_7d / amount_count"},
    {"name": "whose", "expression": "user"}, {"name": "*", "expression": "*"}])json");
  const std::string join = R"json({
    "catena": {"sql": {"amount_sum_7d / amount_count": "amount_sum_7d / amount_count",
                       "spend_v1_mean * factor": "spend_v1_mean * factor",
                       "p_profile_tier || '!'": "p_profile_tier || '!'"},
               "schemas": {"t.spine": [["u", "LONG"], ["factor", "DOUBLE"], ["ts", "LONG"]]}},
    "metaData": {"name": "derived"},
    "left": {"events": {"table": "t.spine", "query": {"timeColumn": "ts"}}},
    "joinParts": [{"keyMapping": {"u": "user"}, "groupBy": )json" +
                           group_by + R"json(}, {"prefix": "p", "groupBy": )json" + kProfile +
                           R"json(}],
    "derivations": [{"name": "scaled", "expression": "spend_v1_mean * factor"},
                    {"name": "who", "expression": "spend_v1_whose"},
                    {"name": "loud", "expression": "p_profile_tier || '!'"}]})json";
  const conf::Conf conf = Parsed(join);
  Mark(ServingInfoMark("spend.v1", {{{{"user", types::Kind::kLong}}},
                                    {{{"amount", types::Kind::kDouble}}},
                                    conf::MeaningOf(*conf.join()->join_parts[0].group_by)}));
  Upload(kBatchEnd, kBatchEnd - 1'800'000, 5.0);
  Mark(GenerationsMark("spend.v1", {{FromMillis(kBatchEnd), FromMillis(kBatchEnd), {}}}));
  fetcher_->AddConf(conf);
  EXPECT_EQ(fetcher_->KeySchema("derived", true)->ToString(), "u LONG, factor DOUBLE");

  types::BatchBuilder keys(
      types::Schema{{{"u", types::Kind::kLong}, {"factor", types::Kind::kDouble}}});
  ASSERT_TRUE(keys.AppendRow(std::vector<types::Value>{1, 3.0}).ok());
  ASSERT_TRUE(keys.AppendRow(std::vector<types::Value>{1, types::Value()}).ok());
  const std::vector<Timestamp> as_of(2, FromMillis(kBatchEnd));
  const auto answer = fetcher_->FetchJoin("derived", keys.Build(), as_of);
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  // The profile was never uploaded: what needs it is not there, and the answer is not complete.
  EXPECT_EQ(answer->features.schema().ToString(), "scaled DOUBLE, who LONG");
  EXPECT_EQ(answer->features.Row(0), (std::vector<types::Value>{15.0, 1}));
  EXPECT_EQ(answer->features.Row(1), (std::vector<types::Value>{types::Value(), 1}));
  ASSERT_EQ(answer->parts.size(), 3u);
  EXPECT_EQ(answer->parts[2].name, "derived");
  EXPECT_EQ(answer->parts[2].column_end, 2u);
  EXPECT_FALSE(answer->Complete(0));

  const auto without = fetcher_->FetchJoin("derived", Users({1}, "u"), {as_of.data(), 1});
  ASSERT_TRUE(without.ok());
  ASSERT_TRUE(without->parts[2].error.has_value());
  EXPECT_NE(without->parts[2].error->message.find("no such column: factor"), std::string::npos);
}

TEST_F(FetcherTest, ADerivationThatFailsOnARowIsNullAndMarked) {
  std::string group_by = kTemporal;
  group_by.insert(group_by.rfind('}'), R"json(,
    "derivations": [{"name": "*", "expression": "*"}, {"name": "bad", "expression": "oops"}],
    "catena": {"sql": {"oops": "CAST(CAST(user AS VARCHAR) || 'x' AS BIGINT)"}})json");
  const conf::Conf conf = Parsed(group_by);
  Mark(ServingInfoMark("spend.v1", {{{{"user", types::Kind::kLong}}},
                                    {{{"amount", types::Kind::kDouble}}},
                                    conf::MeaningOf(*conf.group_by())}));
  Upload(kBatchEnd, kBatchEnd - 1'800'000, 5.0);
  Mark(GenerationsMark("spend.v1", {{FromMillis(kBatchEnd), FromMillis(kBatchEnd), {}}}));
  fetcher_->AddConf(conf);
  const FetchAnswer answer = At(kBatchEnd);
  EXPECT_EQ(answer.features.Row(0), (std::vector<types::Value>{5.0, 5.0, 1, types::Value()}));
  EXPECT_EQ(answer.parts[0].rows[0].incomplete, Incomplete::kDerivation);
  EXPECT_EQ(IncompleteName(Incomplete::kDerivation), "derivation");
}

TEST_F(FetcherTest, SnapshotsAnswerWithTheGenerationOfTheDayOrSayItIsLate) {
  fetcher_->AddConf(JoinConf());
  const types::Schema columns{{{"tier", types::Kind::kString}}};
  Mark(ServingInfoMark(
      "profile",
      {{{{"user", types::Kind::kLong}}}, columns, conf::MeaningOf(*Parsed(kProfile).group_by())}));
  Mark(GenerationsMark("profile", {{FromMillis(kBatchEnd), FromMillis(kBatchEnd), {}}}));
  types::BatchBuilder row(columns);
  ASSERT_TRUE(row.AppendRow(std::vector<types::Value>{"gold"}).ok());
  std::string bytes;
  const std::vector<size_t> first = {0};
  types::RowCodec(columns).Encode(row.Build(), first, 0, &bytes);
  Put(UploadDataset("profile"), kBatchEnd, bytes);
  const auto ask = [&](int64_t t) {
    const Timestamp as_of = FromMillis(t);
    return *fetcher_->FetchGroupBy("profile", Users({1}), {&as_of, 1});
  };
  EXPECT_EQ(ask(kBatchEnd + 86'399'999).features.column(0).ValueAt(0), types::Value("gold"));
  EXPECT_TRUE(ask(kBatchEnd + 86'399'999).Complete(0));
  EXPECT_EQ(ask(kBatchEnd + 86'400'000).parts[0].rows[0].incomplete, Incomplete::kUploadLate);
  EXPECT_EQ(ask(kBatchEnd - 1).parts[0].rows[0].incomplete, Incomplete::kNoUpload);
}

TEST_F(FetcherTest, UnknownNamesAndWrongKeysAreToldWithARemedy) {
  const Timestamp as_of = FromMillis(kBatchEnd);
  EXPECT_EQ(fetcher_->FetchJoin("nope", Users({1}), {&as_of, 1}).error().code,
            ErrorCode::kNotFound);
  EXPECT_NE(fetcher_->FetchGroupBy("spend.v1", Users({1}, "other"), {&as_of, 1})
                .error()
                .message.find("lacks the key column: user"),
            std::string::npos);
  types::BatchBuilder text(types::Schema{{{"user", types::Kind::kString}}});
  ASSERT_TRUE(text.AppendRow(std::vector<types::Value>{"1"}).ok());
  EXPECT_NE(fetcher_->FetchGroupBy("spend.v1", text.Build(), {&as_of, 1})
                .error()
                .message.find("is STRING, but the GroupBy's key is LONG"),
            std::string::npos);
}

}  // namespace
}  // namespace catena::fetch
