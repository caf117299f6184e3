// SPDX-License-Identifier: Apache-2.0
#include "catena/cli/topic_archive.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>

#include "catena/base/file.h"
#include "catena/base/json.h"
#include "catena/topic/decoder.h"

namespace catena::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPollRecords = 8192;
constexpr size_t kProblemsMax = 10;
constexpr const char* kPartitionColumn = "_topic_partition";
constexpr const char* kOffsetColumn = "_offset";

using Offsets = std::map<topic::TopicPartition, topic::Offset>;

std::string OffsetsPath(const table::Table& table, const std::string& topic) {
  std::string name = topic;
  for (char& c : name) {
    if (c == '/' || c == ':') c = '_';
  }
  return (fs::path(table.directory()) / "_archive" / (name + ".json")).string();
}

Result<Offsets> ReadOffsets(const std::string& path) {
  auto json = ReadJsonFile(path);
  if (!json.ok()) {
    if (json.error().code == ErrorCode::kNotFound) return Offsets{};
    return Corruption(json.error().message);
  }
  Offsets offsets;
  const Json partitions = json->value("next_offsets", Json::array());
  for (size_t p = 0; p < partitions.size(); ++p) {
    if (!partitions[p].is_number_integer()) return Corruption("not archive offsets: " + path);
    offsets[static_cast<topic::TopicPartition>(p)] = partitions[p].get<topic::Offset>();
  }
  return offsets;
}

Status WriteOffsets(const std::string& path, const std::string& topic, const Offsets& offsets) {
  Json list = Json::array();
  for (const auto& [partition, offset] : offsets) list.push_back(offset);
  std::error_code code;
  fs::create_directories(fs::path(path).parent_path(), code);
  return ReplaceFile(path, PrintJson(Json{{"topic", topic}, {"next_offsets", list}}) + "\n");
}

// Where a row belongs among the rows of its day. Rows of other origins, without offsets, come
// first at their time.
struct Place {
  int64_t time = INT64_MIN;
  int64_t partition = -1;
  int64_t offset = -1;
  bool HasOrigin() const { return partition >= 0; }
  auto operator<=>(const Place&) const = default;
};

int64_t IntegerAt(const types::Column* column, size_t row, int64_t absent) {
  if (column == nullptr || column->IsNull(row)) return absent;
  const types::Value value = column->ValueAt(row);
  const auto* integer = std::get_if<int64_t>(&value.data);
  return integer == nullptr ? absent : *integer;
}

std::vector<Place> PlacesOf(const types::Batch& rows, const std::string& time_field) {
  const types::Column* time = rows.Find(time_field);
  const types::Column* partition = rows.Find(kPartitionColumn);
  const types::Column* offset = rows.Find(kOffsetColumn);
  std::vector<Place> places(rows.rows());
  for (size_t row = 0; row < rows.rows(); ++row) {
    places[row] = {IntegerAt(time, row, INT64_MIN), IntegerAt(partition, row, -1),
                   IntegerAt(offset, row, -1)};
  }
  return places;
}

class Archive {
 public:
  Archive(topic::TopicReader* reader, const table::Table& table, const ArchiveOptions& options)
      : reader_(reader), table_(table), options_(options), schema_(options.schema) {
    schema_.fields.push_back({kPartitionColumn, types::Kind::kInt});
    schema_.fields.push_back({kOffsetColumn, types::Kind::kLong});
  }

  Result<ArchiveReport> Run() {
    CATENA_TRY(const FileLock lock, table_.LockForJob(false));
    const std::string path = OffsetsPath(table_, options_.topic);
    CATENA_TRY(decoder_, topic::Decoder::Open(options_.address, options_.schema));
    CATENA_TRY(next_, ReadOffsets(path));
    CATENA_RETURN_IF_ERROR(SeekAll());
    while (true) {
      const int64_t before = report_.records;
      CATENA_RETURN_IF_ERROR(ReadPass());
      if (report_.records == before) break;
      for (auto& [day, batches] : days_) CATENA_RETURN_IF_ERROR(Land(day, batches));
      days_.clear();
      // After the rows, so that a death in between repeats them instead of losing them.
      CATENA_RETURN_IF_ERROR(WriteOffsets(path, options_.topic, next_));
    }
    report_.days.assign(written_.begin(), written_.end());
    return std::move(report_);
  }

 private:
  Status SeekAll() {
    for (topic::TopicPartition p = 0; p < reader_->partitions(); ++p) {
      CATENA_TRY(const topic::Offset begin, reader_->BeginOffset(p));
      CATENA_TRY(ends_[p], reader_->EndOffset(p));
      topic::Offset& next = next_.emplace(p, begin).first->second;
      if (next < begin || next > ends_[p]) {
        return InvalidConf(
            "the topic no longer holds the record that comes next; remove the table's _archive "
            "folder to begin anew with what is there: " +
            table_.directory() + ", topic partition " + std::to_string(p) + " holds " +
            std::to_string(begin) + ".." + std::to_string(ends_[p]) + ", next is " +
            std::to_string(next));
      }
      CATENA_RETURN_IF_ERROR(reader_->Seek(p, next));
    }
    return Status();
  }

  // Up to `rows_per_pass` records, never past the ends that were there at the start: a topic that
  // grows faster than it is archived would have no end.
  Status ReadPass() {
    int64_t held = 0;
    std::vector<topic::Record> records;
    for (topic::TopicPartition p = 0; p < reader_->partitions(); ++p) {
      while (next_[p] < ends_[p] && held < options_.rows_per_pass) {
        records.clear();
        const auto room = static_cast<size_t>(ends_[p] - next_[p]);
        CATENA_RETURN_IF_ERROR(reader_->Poll(p, std::min(kPollRecords, room), &records));
        if (records.empty()) break;
        next_[p] = records.back().offset + 1;
        held += static_cast<int64_t>(records.size());
        CATENA_RETURN_IF_ERROR(AddToDays(records));
      }
    }
    report_.records += held;
    return Status();
  }

  void Refuse(const topic::Record& record, const std::string& reason) {
    ++report_.malformed;
    if (report_.problems.size() >= kProblemsMax) return;
    report_.problems.push_back("topic partition " + std::to_string(record.partition) + ", offset " +
                               std::to_string(record.offset) + ": " + reason);
  }

  Status AddToDays(const std::vector<topic::Record>& records) {
    CATENA_TRY(topic::Decoded decoded, decoder_->Decode(records));
    for (const topic::BadRecord& bad : decoded.bad) Refuse(records[bad.record], bad.reason);
    const auto partition = std::make_shared<types::Column>(types::Kind::kInt, records.size());
    const auto offset = std::make_shared<types::Column>(types::Kind::kLong, records.size());
    std::map<Date, std::vector<uint32_t>> rows_of;
    const types::Column* time = decoded.rows.Find(options_.time_field);
    for (size_t row = 0; row < decoded.rows.rows(); ++row) {
      const topic::Record& record = records[decoded.record_of_row[row]];
      partition->Append<int32_t>(record.partition);
      offset->Append<int64_t>(record.offset);
      if (time->IsNull(row)) {
        Refuse(record, "field \"" + options_.time_field + "\" is missing: no day to put it in");
        continue;
      }
      const Date day = Date::Of(FromMillis(IntegerAt(time, row, 0)));
      if (!table::PartitionRange::All().Contains(day)) {
        Refuse(record, "field \"" + options_.time_field + "\" is no time in the years 1 to 9999");
        continue;
      }
      rows_of[day].push_back(static_cast<uint32_t>(row));
    }
    decoded.rows.AddColumn(kPartitionColumn, partition);
    decoded.rows.AddColumn(kOffsetColumn, offset);
    for (const auto& [day, rows] : rows_of) days_[day].push_back(decoded.rows.Take(rows));
    return Status();
  }

  // The day's rows as they are, in the columns of the archive; empty when there is no such day.
  Result<types::Batch> ReadDay(Date day) const {
    CATENA_TRY(const auto partitions, table_.Partitions());
    if (!std::binary_search(partitions.begin(), partitions.end(), day)) return types::Batch();
    CATENA_TRY(const types::Schema schema, table_.SchemaOf());
    for (const types::Field& field : schema.fields) {
      const auto at = schema_.Find(field.name);
      if (at && schema_.fields[*at].type == field.type) continue;
      return InvalidConf(
          "the table has a column that the records' schema has not, or of another "
          "type; archive into another table, or pass --schema-from " +
          table_.name() + ": " + field.name + " " + types::TypeName(field.type));
    }
    table::ScanRequest request;
    request.range = table::PartitionRange::Of(day);
    CATENA_TRY(const types::Batch rows, table_.Read(request));
    types::BatchBuilder builder(schema_, rows.rows());
    for (size_t i = 0; i < schema_.size(); ++i) {
      if (const types::Column* column = rows.Find(schema_.fields[i].name)) {
        builder.column(i)->AppendAll(*column);
      } else {
        builder.column(i)->ResizeNulls(rows.rows());
      }
    }
    return builder.Build();
  }

  Status Land(Date day, std::vector<types::Batch>& batches) {
    CATENA_TRY(const types::Batch there, ReadDay(day));
    std::set<std::pair<int64_t, int64_t>> origins;
    for (const Place& place : PlacesOf(there, options_.time_field)) {
      if (place.HasOrigin()) origins.emplace(place.partition, place.offset);
    }
    const size_t first_new = there.rows();
    if (there.width() > 0) batches.insert(batches.begin(), there);
    const types::Batch all = types::Concat(batches);
    const std::vector<Place> places = PlacesOf(all, options_.time_field);
    std::vector<uint32_t> order;
    for (size_t row = 0; row < all.rows(); ++row) {
      const bool is_again =
          row >= first_new && origins.contains({places[row].partition, places[row].offset});
      report_.already += is_again ? 1 : 0;
      if (!is_again) order.push_back(static_cast<uint32_t>(row));
    }
    report_.landed += static_cast<int64_t>(order.size() - first_new);
    std::stable_sort(order.begin(), order.end(),
                     [&](uint32_t a, uint32_t b) { return places[a] < places[b]; });
    if (order.size() == first_new) return Status();
    CATENA_RETURN_IF_ERROR(table_.WritePartition(day, all.Take(order)));
    written_.insert(day);
    return Status();
  }

  topic::TopicReader* reader_;
  const table::Table& table_;
  const ArchiveOptions& options_;
  types::Schema schema_;
  std::unique_ptr<topic::Decoder> decoder_;
  Offsets next_;
  Offsets ends_;
  std::map<Date, std::vector<types::Batch>> days_;
  std::set<Date> written_;
  ArchiveReport report_;
};

}  // namespace

Result<ArchiveReport> ArchiveTopic(topic::TopicReader* reader, const table::Table& table,
                                   const ArchiveOptions& options) {
  const auto time = options.schema.Find(options.time_field);
  if (!time) {
    return InvalidConf("--time-field names a column of the schema (" + options.schema.ToString() +
                       "): " + options.time_field);
  }
  const types::Kind kind = options.schema.fields[*time].type.kind;
  if (kind != types::Kind::kLong && kind != types::Kind::kTimestamp) {
    return InvalidConf("--time-field is a LONG or TIMESTAMP column, milliseconds since 1970 UTC: " +
                       options.time_field);
  }
  return Archive(reader, table, options).Run();
}

}  // namespace catena::cli
