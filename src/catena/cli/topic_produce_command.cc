// SPDX-License-Identifier: Apache-2.0
// `catena topic produce`: JSON lines into a topic, at once or at a rate.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>

#include "catena/cli/commands.h"
#include "catena/cli/line_reader.h"
#include "catena/cli/stop_signals.h"
#include "catena/cli/storage.h"
#include "catena/topic/record_text.h"

namespace catena::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr Millis kTick{2};

struct ProduceFlags {
  std::string name;
  std::string file = "-";
  std::string key;
  std::string append_time_field;
  std::string now_field;
  std::string rate;
  bool raw = false;
};

class Producer {
 public:
  Producer(const ProduceFlags& given, topic::RecordText* text, topic::TopicWriter* writer)
      : given_(given), text_(text), writer_(writer) {}

  // All of `lines` or, when one is malformed, none of them.
  Status Produce(const std::vector<Line>& lines) {
    std::vector<topic::OutRecord> records;
    records.reserve(lines.size());
    for (const Line& line : lines) {
      auto record = RecordOf(line);
      if (!record.ok()) {
        return record.error().code == ErrorCode::kInvalidData
                   ? InvalidData(record.error().message + "; nothing from line " +
                                 std::to_string(lines.front().number) + " on was written, " +
                                 std::to_string(produced_) + " records before it were")
                   : record.error();
      }
      records.push_back(std::move(*record));
    }
    CATENA_RETURN_IF_ERROR(writer_->Append(records).status());
    produced_ += static_cast<int64_t>(records.size());
    return Status();
  }

  int64_t produced() const { return produced_; }

 private:
  std::string PlaceOf(const Line& line) const {
    const std::string file = given_.file == "-" ? "standard input" : given_.file;
    return file + ":" + std::to_string(line.number);
  }

  Result<topic::OutRecord> RecordOf(const Line& line) const {
    topic::OutRecord record;
    // Without a key field, neighbours go to different partitions.
    record.key = given_.key.empty() ? std::to_string(line.number) : "";
    const std::string place = PlaceOf(line);
    auto parsed = ParseJson(line.text, place);
    const bool is_object = parsed.ok() && parsed->is_object();
    if (!is_object && given_.raw) {
      record.value = line.text;
      return record;
    }
    if (!parsed.ok()) return InvalidData(parsed.error().message);
    if (!is_object) return InvalidData(place + ": a record is a JSON object");
    Json& event = *parsed;
    if (!given_.key.empty()) {
      const auto at = event.find(given_.key);
      if (at != event.end() && !at->is_null()) {
        record.key = at->is_string() ? at->get<std::string>() : PrintJson(*at);
      }
    }
    if (!given_.append_time_field.empty()) {
      const auto at = event.find(given_.append_time_field);
      if (at == event.end() || !at->is_number_integer()) {
        return InvalidData(place + ": --append-time-field wants whole milliseconds in " +
                           given_.append_time_field);
      }
      record.append_time = FromMillis(at->get<int64_t>());
    }
    if (!given_.now_field.empty()) event[given_.now_field] = ToMillis(SystemClock().Now());
    if (text_->is_json() && given_.now_field.empty()) {
      record.value = line.text;
      return record;
    }
    auto value = text_->Write(event);
    if (!value.ok()) return value.error().WithContext(place);
    record.value = std::move(*value);
    return record;
  }

  const ProduceFlags& given_;
  topic::RecordText* text_;
  topic::TopicWriter* writer_;
  int64_t produced_ = 0;
};

// "1000" or "1000/s"; 0 when absent.
Result<double> ReadRate(const std::string& text) {
  if (text.empty()) return 0.0;
  double rate = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), rate);
  const std::string rest(end, text.data() + text.size());
  if (code != std::errc() || rate <= 0 || (!rest.empty() && rest != "/s")) {
    return InvalidConf("--rate is records a second, as in 1000/s: " + text);
  }
  return rate;
}

Status ProduceAll(LineReader* lines, const StopSignals& signals, Producer* producer) {
  while (!signals.asked()) {
    CATENA_TRY(const std::vector<Line> chunk, lines->Next());
    if (chunk.empty()) return Status();
    CATENA_RETURN_IF_ERROR(producer->Produce(chunk));
  }
  return Status();
}

// Open loop: a record is due by the clock, however long the ones before it took.
Status ProduceAtRate(LineReader* lines, double rate, const StopSignals& signals,
                     Producer* producer) {
  const auto start = SteadyClock::now();
  while (!signals.asked()) {
    CATENA_TRY(const std::vector<Line> chunk, lines->Next());
    if (chunk.empty()) return Status();
    for (size_t sent = 0; sent < chunk.size() && !signals.asked();) {
      const double elapsed = Seconds(SteadyClock::now() - start).count();
      const auto due = static_cast<int64_t>(elapsed * rate) + 1 - producer->produced();
      if (due <= 0) {
        signals.Sleep(kTick);
        continue;
      }
      const size_t end = std::min(chunk.size(), sent + static_cast<size_t>(due));
      CATENA_RETURN_IF_ERROR(producer->Produce({chunk.begin() + static_cast<std::ptrdiff_t>(sent),
                                                chunk.begin() + static_cast<std::ptrdiff_t>(end)}));
      sent = end;
    }
  }
  return Status();
}

Result<int> Produce(const ProduceFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  CATENA_TRY(const double rate, ReadRate(given.rate));
  CATENA_TRY(const auto address, AddressOf(settings, given.name));
  StopSignals signals;
  CATENA_TRY(const auto text, topic::RecordText::Open(address));
  CATENA_TRY(const auto writer, topic::OpenTopicWriter(address, SystemClock()));
  CATENA_TRY(LineReader lines, LineReader::Open(given.file));
  Producer producer(given, text.get(), writer.get());
  const auto start = SteadyClock::now();
  CATENA_RETURN_IF_ERROR(rate > 0 ? ProduceAtRate(&lines, rate, signals, &producer)
                                  : ProduceAll(&lines, signals, &producer));
  const double seconds = std::max(1e-6, Seconds(SteadyClock::now() - start).count());
  fmt::print("produced {} records to {} ({} partitions) in {:.2f} s, {:.0f} records/s\n",
             producer.produced(), given.name, writer->partitions(), seconds,
             static_cast<double>(producer.produced()) / seconds);
  return signals.ExitCode(0);
}

}  // namespace

Command TopicProduceCommand() {
  return {
      "topic produce",
      "Topics and streams",
      "Append JSON lines to a topic.",
      "Reads and appends in chunks; a malformed line is refused with its number before "
      "anything of its chunk is written. Where the topic's URL or `kafka:` says Avro, each line is "
      "written by the schema of the file, or of the registry's subject "
      "(docs/how-to/use-record-schemas.md).",
      "  catena topic produce payment-events events.ndjson --key user_id\n"
      "  catena topic produce payment-events history.ndjson --append-time-field ts\n"
      "  catena topic produce payment-events live.ndjson --key user_id --rate 1000/s "
      "--now-field ts\n"
      "  echo '{\"user_id\": 7, \"ts\": 1763640000000}' | catena topic produce payment-events\n",
      [](Flags* flags, const CommonFlags* common) -> Run {
        auto given = std::make_shared<ProduceFlags>();
        flags->Text("NAME", &given->name, "The topic.", Need::kRequired);
        flags->Text("FILE", &given->file, "JSON lines; - or nothing is standard input.");
        flags->Text("--key FIELD", &given->key,
                    "Records with one value of this field go to one partition.");
        flags->Text("--append-time-field FIELD", &given->append_time_field,
                    "For history: appended at this field's time, never going back within a "
                    "partition, instead of now.");
        flags->Text("--rate N/s", &given->rate,
                    "So many records a second by the clock, instead of all at once.");
        flags->Text("--now-field FIELD", &given->now_field,
                    "Set this field to the time of sending, in milliseconds.");
        flags->Switch("--raw", &given->raw,
                      "Append lines that are no JSON objects, too, as they are.");
        return [given, common] { return Produce(*given, *common); };
      }};
}

}  // namespace catena::cli
