// SPDX-License-Identifier: Apache-2.0
#include "scenario_run.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <thread>

#include "catena/base/hash.h"
#include "catena/fetch/online_state.h"
#include "catena/plan/streaming_plan.h"

namespace catena::scenario {
namespace {

constexpr Millis kForever = std::chrono::days{4000};
constexpr Millis kPatience = std::chrono::seconds{60};

// Each run has topics of its own: the conf's names with a suffix.
void RenameTopics(const std::string& suffix, Json* json) {
  if (json->is_object() && json->contains("topic")) {
    (*json)["topic"] = (*json)["topic"].get<std::string>() + suffix;
  }
  if (json->is_structured()) {
    for (Json& inner : *json) RenameTopics(suffix, &inner);
  }
}

std::string TopicOf(const ScenarioTable& table) {
  return table.name.substr(table.name.find('.') + 1);
}

std::string KeyOf(const ScenarioTable& table, size_t row) {
  return PrintJson(types::ToJson(table.rows[row][*table.schema.Find(table.topic_key)]));
}

topic::OutRecord RecordOf(const ScenarioTable& table, size_t row) {
  Json value = Json::object();
  for (size_t i = 0; i < table.schema.size(); ++i) {
    value[table.schema.fields[i].name] = types::ToJson(table.rows[row][i]);
  }
  return {KeyOf(table, row), PrintJson(value), FromMillis(table.append_time[row])};
}

types::Batch BatchOf(const types::Schema& schema, const std::vector<Row>& rows) {
  types::BatchBuilder builder(schema);
  for (const Row& row : rows) {
    const Status status = builder.AppendRow(row);
    EXPECT_TRUE(status.ok()) << status.error().message;
  }
  return builder.Build();
}

std::pair<Date, Date> DaysOf(const ScenarioTable& table) {
  const auto [first, last] = std::minmax_element(table.day.begin(), table.day.end());
  return {*first, *last};
}

}  // namespace

ScenarioRun::ScenarioRun(const Scenario& scenario, const RunOptions& options)
    : scenario_(scenario), options_(options), clock_(Timestamp::min()) {
  static int counter = 0;
  suffix_ = "_" + scenario.name + "_" + std::to_string(counter++);
  std::string pattern = (std::filesystem::temp_directory_path() / "scenario-XXXXXX").string();
  folder_ = mkdtemp(pattern.data());
  Json json = scenario.conf;
  RenameTopics(suffix_, &json);
  conf_ = *conf::ParseConf(json, scenario.name);
  NumberRecords();
  CreateTopics();
  database_ = *sql::Database::Open({});
  warehouse_ =
      std::make_unique<table::Warehouse>(*table::Warehouse::Create(folder_, database_.get()));
  store_ = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
  context_ = {database_.get(), warehouse_.get(), &clock_, nullptr};
  stream_.topics_default = "memory:";
  stream_.stream.as_of_retention = kForever;
  stream_.stream.raw_retention = options.tiled ? Millis(std::chrono::hours{2}) : kForever;
  stream_.stream.parallelism = options.workers;
  if (options.staged) PublishEnriched();
  WriteTables();
}

void ScenarioRun::PublishEnriched() {
  enrich_store_ = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
  const auto plan = plan::PlanStreaming({&conf_, 1});
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  for (const plan::StreamTask& task : plan->tasks) {
    if (task.stages.empty()) continue;
    const std::string& join = task.stages.back().join->metadata.name;
    const std::string name = "enriched_" + join + suffix_;
    ASSERT_TRUE(topic::CreateTopic({"memory", "", name}, options_.partitions + 1).ok());
    stream_.published[join] = {name, {"ts"}, false};
  }
}

ScenarioRun::~ScenarioRun() {
  warehouse_.reset();
  database_.reset();
  std::filesystem::remove_all(folder_);
}

void ScenarioRun::NumberRecords() {
  for (size_t t = 0; t < scenario_.tables.size(); ++t) {
    const ScenarioTable& table = scenario_.tables[t];
    if (table.topic_key.empty()) continue;
    std::map<int32_t, int64_t> next;
    for (size_t row = 0; row < table.rows.size(); ++row) {
      const auto partition = static_cast<int32_t>(HashBytes(KeyOf(table, row)) %
                                                  static_cast<uint64_t>(options_.partitions));
      records_.push_back({t, row, partition, next[partition]++});
    }
  }
  std::stable_sort(records_.begin(), records_.end(), [&](const auto& a, const auto& b) {
    return scenario_.tables[a.table].append_time[a.row] <
           scenario_.tables[b.table].append_time[b.row];
  });
}

void ScenarioRun::CreateTopics() {
  for (const ScenarioTable& table : scenario_.tables) {
    writers_.emplace_back();
    if (table.topic_key.empty()) continue;
    const topic::TopicAddress address{"memory", "", TopicOf(table) + suffix_, {}};
    ASSERT_TRUE(topic::CreateTopic(address, options_.partitions).ok());
    writers_.back() = *topic::OpenTopicWriter(address, SystemClock());
  }
}

void ScenarioRun::WriteTables() {
  std::vector<const ScenarioTable*> tables{&scenario_.queries};
  for (const ScenarioTable& table : scenario_.tables) tables.push_back(&table);
  for (const ScenarioTable* table : tables) {
    types::Schema schema = table->schema;
    const bool ordered = options_.source_order && !table->topic_key.empty();
    std::vector<Row> rows = table->rows;
    if (ordered) {
      schema.fields.push_back({"_topic_partition", types::Kind::kInt});
      schema.fields.push_back({"_offset", types::Kind::kLong});
      for (const TopicRecord& record : records_) {
        if (&scenario_.tables[record.table] != table) continue;
        rows[record.row].emplace_back(int64_t{record.partition});
        rows[record.row].emplace_back(record.offset);
      }
    }
    const auto [first, last] = DaysOf(*table);
    for (Date day = first; day <= last; day = day + 1) {
      std::vector<Row> of_day;
      for (size_t row = 0; row < rows.size(); ++row) {
        if (table->day[row] == day) of_day.push_back(rows[row]);
      }
      const Status written =
          warehouse_->Find(table->name)->WritePartition(day, BatchOf(schema, of_day));
      ASSERT_TRUE(written.ok()) << written.error().message;
    }
  }
}

void ScenarioRun::CompareRow(const types::Batch& features, size_t row, size_t query,
                             Compared* compared) {
  bool equal = true;
  for (size_t i = 0; i < scenario_.features.size(); ++i) {
    const std::string& name = scenario_.features[i];
    const auto at = features.schema().Find(name);
    if (!at) {
      ADD_FAILURE() << "no column " << name << " in " << features.schema().ToString();
      return;
    }
    const types::Value got = features.column(*at).ValueAt(row);
    compared->nonnull += got.is_null() ? 0 : 1;
    const auto expected = scenario_.mismatch(query, i, features.schema().fields[*at].type, got);
    if (!expected) continue;
    equal = false;
    if (options_.may_differ) continue;
    ADD_FAILURE() << name << " of query " << query << " "
                  << PrintJson(types::ToJson(
                         types::Value(types::ValueList(scenario_.queries.rows[query]))))
                  << ": expected " << PrintJson(types::ToJson(*expected)) << ", got "
                  << PrintJson(types::ToJson(got));
  }
  ++(equal ? compared->equal : compared->different);
}

void ScenarioRun::Materialise() {
  const auto [first, last] = DaysOf(scenario_.queries);
  clock_.Set(last.End());
  const auto report = batch::Backfill(context_, conf_, {first, last});
  ASSERT_TRUE(report.ok()) << report.error().message;
}

Compared ScenarioRun::Backfill() {
  Compared compared;
  Materialise();
  auto rows = warehouse_->Find(conf::OutputTable(conf_.metadata()))->Read({});
  if (!rows.ok()) {
    ADD_FAILURE() << rows.error().message;
    return compared;
  }
  EXPECT_EQ(rows->rows(), scenario_.queries.rows.size());
  for (size_t row = 0; row < rows->rows(); ++row) {
    const auto query = std::get<int64_t>(rows->Find("qid")->ValueAt(row).data);
    CompareRow(*rows, row, static_cast<size_t>(query), &compared);
  }
  return compared;
}

Date ScenarioRun::first_day() const {
  const TopicRecord& first = records_.front();
  return Date::Of(FromMillis(scenario_.tables[first.table].append_time[first.row]));
}

size_t ScenarioRun::RecordAt(Timestamp time) const {
  const auto at = std::find_if(records_.begin(), records_.end(), [&](const TopicRecord& record) {
    return FromMillis(scenario_.tables[record.table].append_time[record.row]) >= time;
  });
  return static_cast<size_t>(at - records_.begin());
}

void ScenarioRun::AppendRecords(size_t until) {
  for (; appended_ < std::min(until, records_.size()); ++appended_) {
    const TopicRecord& record = records_[appended_];
    const auto where =
        writers_[record.table]->Append({RecordOf(scenario_.tables[record.table], record.row)});
    ASSERT_TRUE(where.ok()) << where.error().message;
    ASSERT_EQ(where->front(), std::pair(record.partition, record.offset));
  }
}

std::vector<std::shared_ptr<const conf::GroupBy>> ScenarioRun::GroupBysOf(
    conf::Accuracy accuracy) const {
  std::vector<std::shared_ptr<const conf::GroupBy>> found;
  const auto lineage = conf::LineageOf(conf_);
  EXPECT_TRUE(lineage.ok());
  for (const auto& group_by : lineage->group_bys) {
    if (group_by->accuracy == accuracy) found.push_back(group_by);
  }
  return found;
}

void ScenarioRun::UploadOne(const std::shared_ptr<const conf::GroupBy>& group_by, Date end) {
  clock_.Set(end.End());
  conf::Conf conf = conf_;
  conf.definition = group_by;
  for (kv::KVStore* store : {store_.get(), enrich_store_.get()}) {
    if (store == nullptr) continue;
    const auto report = batch::UploadGroupBy(context_, conf, end, store, {kForever});
    ASSERT_TRUE(report.ok()) << report.error().message;
  }
}

void ScenarioRun::UploadSnapshots() {
  for (const auto& group_by : GroupBysOf(conf::Accuracy::kSnapshot)) {
    const auto read = std::ranges::find(scenario_.tables, conf::TableOf(group_by->sources.front()),
                                        &ScenarioTable::name);
    const bool chained = read == scenario_.tables.end();
    if (chained) Materialise();
    const auto [first, last] = DaysOf(chained ? scenario_.queries : *read);
    for (Date day = first; day <= last; day = day + 1) UploadOne(group_by, day);
  }
}

void ScenarioRun::Upload(Date end) {
  for (const auto& group_by : GroupBysOf(conf::Accuracy::kTemporal)) UploadOne(group_by, end);
}

void ScenarioRun::ExpectConserved(kv::KVStore* store, const std::string& name) {
  const auto checkpoints = fetch::ReadCheckpoints(store, name);
  ASSERT_TRUE(checkpoints.ok()) << checkpoints.error().message;
  for (const auto& [partition, checkpoint] : *checkpoints) {
    EXPECT_EQ(checkpoint.Consumed(), checkpoint.Accounted()) << name << ", partition " << partition;
    EXPECT_EQ(checkpoint.duplicate, 0) << name << ", partition " << partition;
  }
}

void ScenarioRun::RunJob(Millis stop_after, const std::function<bool()>& done) {
  using Stage = plan::ChainStage;
  if (options_.staged) {
    RunJobOver(enrich_store_.get(), Stage::kEnrich, stop_after, [] { return true; });
    for (const auto& [join, to] : stream_.published) ExpectConserved(enrich_store_.get(), join);
  }
  RunJobOver(store_.get(), options_.staged ? Stage::kAggregate : Stage::kWhole, stop_after, done);
  for (const auto& group_by : GroupBysOf(conf::Accuracy::kTemporal)) {
    ExpectConserved(store_.get(), group_by->metadata.name);
  }
}

void ScenarioRun::RunJobOver(kv::KVStore* store, plan::ChainStage stage, Millis stop_after,
                             const std::function<bool()>& done) {
  stream_.stage = stage;
  auto job = streaming::StreamJob::Open(
      {conf_}, stream_,
      [](const std::string& table) { return Result<types::Schema>(NotFound(table)); }, store,
      database_.get(), &SystemClock());
  ASSERT_TRUE(job.ok()) << job.error().message;
  std::stop_source stop;
  Status ended;
  std::jthread thread([&] { ended = (*job)->Run(stop.get_token()); });
  const Millis wait = std::min(stop_after, kPatience);
  const auto until = std::chrono::steady_clock::now() + wait;
  const auto finished = [&] { return (*job)->CaughtUp() && done(); };
  while (!finished() && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  if (stop_after >= kPatience) {
    EXPECT_TRUE(finished()) << "after " << wait.count() << " ms";
  }
  stop.request_stop();
  thread.join();
  ASSERT_TRUE(ended.ok()) << ended.error().message;
}

void ScenarioRun::Stream(Millis stop_after) {
  RunJob(stop_after, [] { return true; });
}

// An idle stream's watermark is the wall clock, months behind which lie all rows of a scenario.
void ScenarioRun::Trim() {
  RunJob(kPatience, [this] {
    for (const auto& group_by : GroupBysOf(conf::Accuracy::kTemporal)) {
      const auto retention = fetch::ReadRetention(store_.get(), group_by->metadata.name);
      if (!retention.ok() || !*retention || (*retention)->raw_floor == INT64_MIN) return false;
    }
    return true;
  });
}

Compared ScenarioRun::Fetch(Timestamp since) {
  fetch::Fetcher fetcher(store_.get());
  fetcher.AddConf(conf_);
  const ScenarioTable& asked = scenario_.queries;
  std::vector<Timestamp> as_of;
  for (const int64_t time : asked.append_time) as_of.push_back(FromMillis(time));
  Compared compared;
  const auto answer =
      fetcher.FetchJoin(conf_.metadata().name, BatchOf(asked.schema, asked.rows), as_of);
  if (!answer.ok()) {
    ADD_FAILURE() << answer.error().message;
    return compared;
  }
  for (size_t query = 0; query < as_of.size(); ++query) {
    if (as_of[query] < since) continue;
    bool gone = false;
    for (const fetch::PartAnswer& part : answer->parts) {
      EXPECT_FALSE(part.error) << part.name << ": " << part.error->message;
      gone = gone || (!part.rows.empty() && part.rows[query].out_of_retention);
    }
    if (gone) {
      ++compared.out_of_retention;
      EXPECT_NE(as_of[query], FloorTo(as_of[query], kFiveMinutes)) << "query " << query;
    } else if (!answer->Complete(query)) {
      ++compared.incomplete;
    } else {
      CompareRow(answer->features, query, query, &compared);
    }
  }
  return compared;
}

}  // namespace catena::scenario
