// SPDX-License-Identifier: Apache-2.0
// Records a second of the file topic and the JSON decoder, and the time from Append to Poll.

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "catena/base/file.h"
#include "catena/base/random.h"
#include "catena/topic/avro/avro_encoder.h"
#include "catena/topic/avro/avro_schema.h"
#include "catena/topic/decoder.h"
#include "catena/topic/file/file_topic.h"

namespace catena::topic {
namespace {

constexpr TopicPartition kPartitions = 4;

std::string Event(Random* random) {
  const std::string user = std::to_string(random->Below(10'000));
  const std::string merchant = std::to_string(random->Below(1'000));
  return "{\"transaction_id\":\"t" + std::to_string(random->Below(1'000'000'000)) +
         "\",\"user_id\":\"u" + user + "\",\"merchant_id\":\"m" + merchant +
         "\",\"amount\":" + std::to_string(random->Below(100'000)) + "." +
         std::to_string(random->Below(90) + 10) + ",\"is_online\":true,\"ts\":" +
         std::to_string(1'700'000'000'000 + random->Below(86'400'000)) + "}";
}

std::vector<OutRecord> Events(size_t count) {
  Random random(1);
  std::vector<OutRecord> events;
  for (size_t i = 0; i < count; ++i) {
    events.push_back({"u" + std::to_string(random.Below(10'000)), Event(&random)});
  }
  return events;
}

class TemporaryTopic {
 public:
  TemporaryTopic()
      : root_(std::filesystem::temp_directory_path() /
              ("catena_topic_bench_" + std::to_string(getpid()))) {
    CATENA_CHECK(CreateFileTopic(root_, "t", kPartitions).ok(), "cannot create the topic");
  }
  ~TemporaryTopic() { std::filesystem::remove_all(root_); }
  std::unique_ptr<TopicWriter> Writer() const {
    return OpenFileTopicWriter(root_, "t", SystemClock()).value();
  }
  std::unique_ptr<TopicReader> Reader() const { return OpenFileTopicReader(root_, "t").value(); }

 private:
  std::string root_;
};

void BM_Append(benchmark::State& state) {
  const TemporaryTopic topic;
  const auto writer = topic.Writer();
  const auto events = Events(static_cast<size_t>(state.range(0)));
  for (auto _ : state) CATENA_CHECK(writer->Append(events).ok(), "append");
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Append)->Arg(1)->Arg(100)->Arg(10'000)->MinTime(0.3);

void BM_Poll(benchmark::State& state) {
  const TemporaryTopic topic;
  constexpr size_t kRecords = 400'000;
  const auto events = Events(10'000);
  for (size_t i = 0; i < kRecords; i += events.size()) {
    CATENA_CHECK(topic.Writer()->Append(events).ok(), "append");
  }
  std::vector<Record> records;
  for (auto _ : state) {
    const auto reader = topic.Reader();
    size_t seen = 0;
    for (TopicPartition p = 0; p < kPartitions; ++p) {
      do {
        records.clear();
        CATENA_CHECK(reader->Poll(p, static_cast<size_t>(state.range(0)), &records).ok(), "poll");
        seen += records.size();
      } while (!records.empty());
    }
    CATENA_CHECK(seen == kRecords, "records are missing");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kRecords));
}
BENCHMARK(BM_Poll)->Arg(1000)->MinTime(0.5);

void BM_PollAtEnd(benchmark::State& state) {
  const TemporaryTopic topic;
  CATENA_CHECK(topic.Writer()->Append(Events(1000)).ok(), "append");
  const auto reader = topic.Reader();
  std::vector<Record> records;
  for (auto _ : state) {
    records.clear();
    CATENA_CHECK(reader->Poll(0, 1000, &records).ok(), "poll");
  }
}
BENCHMARK(BM_PollAtEnd);

void BM_EndOffset(benchmark::State& state) {
  const TemporaryTopic topic;
  CATENA_CHECK(topic.Writer()->Append(Events(100'000)).ok(), "append");
  const auto reader = topic.Reader();
  for (auto _ : state) benchmark::DoNotOptimize(reader->EndOffset(0).value());
}
BENCHMARK(BM_EndOffset);

const types::Schema& EventSchema() {
  static const types::Schema schema{{{"transaction_id", types::Kind::kString},
                                     {"user_id", types::Kind::kString},
                                     {"merchant_id", types::Kind::kString},
                                     {"amount", types::Kind::kDouble},
                                     {"is_online", types::Kind::kBool},
                                     {"ts", types::Kind::kLong}}};
  return schema;
}

void Decode(benchmark::State& state, Decoder* decoder, const std::vector<Record>& records) {
  for (auto _ : state) {
    const Decoded decoded = decoder->Decode(records).value();
    CATENA_CHECK(decoded.rows.rows() == records.size(), "rows are missing");
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void BM_DecodeJson(benchmark::State& state) {
  std::vector<Record> records;
  for (OutRecord& event : Events(static_cast<size_t>(state.range(0)))) {
    records.emplace_back();
    records.back().value = std::move(event.value);
  }
  Decode(state, Decoder::Open({}, EventSchema()).value().get(), records);
}
BENCHMARK(BM_DecodeJson)->Arg(1)->Arg(1000)->MinTime(0.5);

// The same events.
void BM_DecodeAvro(benchmark::State& state) {
  constexpr const char* kSchema = R"({"type": "record", "name": "Event", "fields": [
    {"name": "transaction_id", "type": "string"}, {"name": "user_id", "type": "string"},
    {"name": "merchant_id", "type": "string"}, {"name": "amount", "type": "double"},
    {"name": "is_online", "type": "boolean"}, {"name": "ts", "type": "long"}]})";
  const auto schema = AvroSchema::Parse(kSchema, "schema").value();
  std::vector<Record> records;
  for (const OutRecord& event : Events(static_cast<size_t>(state.range(0)))) {
    records.emplace_back();
    const Json json = ParseJson(event.value, "event").value();
    CATENA_CHECK(AvroEncode(json, schema, AvroSchema::kRoot, &records.back().value).ok(), "event");
  }
  const std::string path = (std::filesystem::temp_directory_path() / "catena_bench.avsc").string();
  CATENA_CHECK(ReplaceFile(path, kSchema).ok(), "no place for the schema");
  const TopicAddress topic{.serde = {{"serde", "avro"}, {"schema", path}}};
  Decode(state, Decoder::Open(topic, EventSchema()).value().get(), records);
  std::filesystem::remove(path);
}
BENCHMARK(BM_DecodeAvro)->Arg(1)->Arg(1000)->MinTime(0.5);

// One record every 500 us from another thread; each carries the time just before its Append.
void BM_AppendToPoll(benchmark::State& state) {
  using Steady = std::chrono::steady_clock;
  const TemporaryTopic topic;
  std::vector<double> micros;
  for (auto _ : state) {
    constexpr int kRecords = 4000;
    const auto reader = topic.Reader();
    std::vector<Record> records;
    for (TopicPartition p = 0; p < kPartitions; ++p) {
      CATENA_CHECK(reader->Poll(p, 1'000'000, &records).ok(), "poll");
    }
    std::thread producer([&] {
      const auto writer = topic.Writer();
      for (int i = 0; i < kRecords; ++i) {
        std::this_thread::sleep_for(std::chrono::microseconds{500});
        const auto now = Steady::now().time_since_epoch().count();
        CATENA_CHECK(writer->Append({{std::to_string(i), std::to_string(now)}}).ok(), "append");
      }
    });
    for (int seen = 0; seen < kRecords;) {
      CATENA_CHECK(reader->Wait(Millis{1000}).ok(), "wait");
      records.clear();
      for (TopicPartition p = 0; p < kPartitions; ++p) {
        CATENA_CHECK(reader->Poll(p, 1000, &records).ok(), "poll");
      }
      const auto now = Steady::now().time_since_epoch().count();
      for (const Record& record : records) {
        micros.push_back(static_cast<double>(now - std::stoll(record.value)) / 1e3);
      }
      seen += static_cast<int>(records.size());
    }
    producer.join();
  }
  std::sort(micros.begin(), micros.end());
  state.counters["p50_micros"] = micros[micros.size() / 2];
  state.counters["p99_micros"] = micros[micros.size() * 99 / 100];
  state.counters["max_micros"] = micros.back();
}
BENCHMARK(BM_AppendToPoll)->Iterations(1)->Unit(benchmark::kMillisecond);

// CPU share of a reader that waits on a topic to which nothing comes.
void BM_IdleWait(benchmark::State& state) {
  const TemporaryTopic topic;
  const auto reader = topic.Reader();
  for (auto _ : state) CATENA_CHECK(reader->Wait(Millis{2000}).ok(), "wait");
}
BENCHMARK(BM_IdleWait)->Iterations(1)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();

}  // namespace
}  // namespace catena::topic
