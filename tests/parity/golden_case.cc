// SPDX-License-Identifier: Apache-2.0
#include "golden_case.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include "catena/aggregate/windowed_aggregator.h"
#include "catena/conf/conf.h"
#include "catena/testing/naive_aggregator.h"
#include "golden_sketches.h"

namespace catena::parity {
namespace {

namespace fs = std::filesystem;
using types::Value;

enum class Deviation {
  kParentLacksTheLastDay,  // Chronon materialises a parent to end - 1: rows of the last day differ,
  kParentsLackTheLastDays,  // and of the last two days when the parent has a parent.
  kDuplicateGetsNulls,      // Of two left rows of one (key, ts) in two days, one gets nulls.
  kMomentsNearZero,   // Skews near zero and kurtoses near the normal one cancel in plain doubles,
  kAveragesNearZero,  // and so do averages near zero.
  kSumsLoseDigits,    // Averages of numbers near 2^63 cancel in plain doubles; ours are exact.
};
const std::map<std::string, Deviation> kDeviations = {
    {"c01_chain_temporal", Deviation::kParentLacksTheLastDay},
    {"c03_chain_derivations", Deviation::kParentLacksTheLastDay},
    {"c04_chain_two_levels", Deviation::kParentsLackTheLastDays},
    {"t02_skew_kurtosis", Deviation::kMomentsNearZero},
    {"t11_maps", Deviation::kAveragesNearZero},
    {"t13_overflow", Deviation::kSumsLoseDigits},
    {"t20_left_ts_ds_mismatch", Deviation::kDuplicateGetsNulls},
};

bool Deviates(const std::string& name, Deviation how) {
  const auto deviation = kDeviations.find(name);
  return deviation != kDeviations.end() && deviation->second == how;
}

fs::path GoldenFolder() { return fs::path(CATENA_SOURCE_DIR) / "tests/parity/golden"; }

std::map<std::string, std::string> ReadProperties(const fs::path& path) {
  std::map<std::string, std::string> properties;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t equals = line.find('=');
    if (equals != std::string::npos) properties[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return properties;
}

// Doubles: within `absolute`, or 1e-9 of the larger.
bool Near(const Value& a, const Value& b, double absolute) {
  const auto* x = std::get_if<double>(&a.data);
  const auto* y = std::get_if<double>(&b.data);
  if (x != nullptr && y != nullptr) {
    if (*x == *y || (std::isnan(*x) && std::isnan(*y))) return true;
    return std::fabs(*x - *y) <= std::max(absolute, 1e-9 * std::max(std::fabs(*x), std::fabs(*y)));
  }
  const auto* xs = std::get_if<types::ValueList>(&a.data);
  const auto* ys = std::get_if<types::ValueList>(&b.data);
  if (xs != nullptr && ys != nullptr) {
    return std::equal(xs->begin(), xs->end(), ys->begin(), ys->end(),
                      [&](const Value& p, const Value& q) { return Near(p, q, absolute); });
  }
  const auto* map = std::get_if<types::ValueMap>(&a.data);
  const auto* other = std::get_if<types::ValueMap>(&b.data);
  if (map == nullptr || other == nullptr) return a == b;
  if (map->size() != other->size()) return false;
  return std::all_of(map->begin(), map->end(), [&](const auto& pair) {
    return std::any_of(other->begin(), other->end(), [&](const auto& candidate) {
      return candidate.first == pair.first && Near(candidate.second, pair.second, absolute);
    });
  });
}

template <typename T>
T OrStop(Result<T> result) {
  CATENA_CHECK(result.ok(), result.error().message);
  return std::move(result).value();
}

}  // namespace

GoldenCase::GoldenCase(std::string name)
    : name_(std::move(name)),
      folder_(GoldenFolder() / name_),
      properties_(ReadProperties(folder_ / "conf/run.properties")) {
  const bool ties = name_.starts_with("t15b");
  const bool approximate = name_.starts_with("t06") || name_.starts_with("t07c");
  if (!ties && !approximate) return;
  const auto database = OrStop(sql::Database::Open({}));
  const types::Batch events = Input(database.get(), "ev");
  if (approximate) {
    approximated_ = std::make_shared<const types::Batch>(events);
    return;
  }
  for (size_t row = 0; row < events.rows(); ++row) {
    const auto event = std::get<int64_t>(events.Find("eid")->ValueAt(row).data);
    time_of_event_[event] = std::get<int64_t>(events.Find("ts")->ValueAt(row).data);
  }
}

std::vector<std::string> GoldenCase::InputTables() const {
  std::vector<std::string> tables;
  for (const auto& file : fs::directory_iterator(folder_ / "in")) {
    tables.push_back(file.path().stem().string());
  }
  std::sort(tables.begin(), tables.end());
  return tables;
}

Json GoldenCase::Conf(const std::string& file) const {
  return OrStop(ReadJsonFile((folder_ / "compiled" / file).string()));
}

types::Batch GoldenCase::Input(sql::Database* database, const std::string& table) const {
  return OrStop(database->Query("SELECT * EXCLUDE (file_row_number) FROM read_parquet('" +
                                (folder_ / "in" / (table + ".parquet")).string() +
                                "', file_row_number = true) ORDER BY ds, file_row_number"));
}

Answers GoldenCase::Expected(sql::Database* database, const std::string& file) const {
  const fs::path path = folder_ / file;
  if (!fs::exists(path)) return NaiveAnswers(database);
  return Sorted(OrStop(database->Query("SELECT * FROM read_parquet('" + path.string() + "')")));
}

Answers GoldenCase::Sorted(const types::Batch& batch) const {
  std::vector<std::string> columns;
  for (const types::Field& field : batch.schema().fields) columns.push_back(field.name);
  std::sort(columns.begin(), columns.end());
  const types::Batch by_name = batch.Select(columns);
  Answers sorted{by_name.schema(), {}};
  for (size_t row = 0; row < by_name.rows(); ++row) sorted.rows.push_back(by_name.Row(row));
  std::vector<size_t> keys;
  // The parent's rows have no order of their own in run.properties.
  const std::string order_by = Property("orderBy") + ",transaction_id";
  for (size_t at = 0; at < order_by.size();) {
    const size_t comma = std::min(order_by.find(',', at), order_by.size());
    if (const auto key = sorted.schema.Find(order_by.substr(at, comma - at))) keys.push_back(*key);
    at = comma + 1;
  }
  std::stable_sort(sorted.rows.begin(), sorted.rows.end(), [&](const auto& a, const auto& b) {
    for (const size_t key : keys) {
      if (const int order = types::Compare(a[key], b[key]); order != 0) return order < 0;
    }
    return false;
  });
  return sorted;
}

// Of a Join of events with one part over events; only the types of the answers are the engine's.
Answers GoldenCase::NaiveAnswers(sql::Database* database) const {
  const conf::Conf conf = OrStop(conf::ParseConf(Conf("join.json"), name_));
  const conf::GroupBy& group_by = *conf.join()->join_parts[0].group_by;
  const types::Batch events = Input(database, "ev");
  const types::Batch queries = Input(database, "qs");
  std::vector<int64_t> times;
  std::vector<uint64_t> orders;
  for (uint32_t row = 0; row < events.rows(); ++row) {
    times.push_back(std::get<int64_t>(events.Find("ts")->ValueAt(row).data));
    orders.push_back(row);
  }
  types::Schema schema = queries.schema();
  const auto windowed = OrStop(aggregate::WindowedAggregator::Bind(group_by, events.schema()));
  for (const types::Field& field : windowed.output_schema().fields) {
    schema.fields.push_back({"gb_" + field.name, field.type});
  }
  types::BatchBuilder answers(schema);
  for (size_t query = 0; query < queries.rows(); ++query) {
    std::vector<uint32_t> rows;
    for (uint32_t row = 0; row < events.rows(); ++row) {
      const Value key = events.Find("key")->ValueAt(row);
      if (!key.is_null() && key == queries.Find("key")->ValueAt(query)) rows.push_back(row);
    }
    std::vector<Value> answer = queries.Row(query);
    const auto time = std::get<int64_t>(queries.Find("ts")->ValueAt(query).data);
    for (Value& value : testing::NaiveOutputs(group_by, events, times, orders, rows, time)) {
      answer.push_back(std::move(value));
    }
    CATENA_CHECK(answers.AppendRow(answer).ok(), "an answer has the type of its column");
  }
  return Sorted(answers.Build());
}

bool GoldenCase::Comparable(const Answers& theirs, size_t row) const {
  if (Deviates(name_, Deviation::kDuplicateGetsNulls)) {
    // Rows all of whose features are null there may differ.
    for (size_t c = 0; c < theirs.schema.size(); ++c) {
      const bool feature = theirs.schema.fields[c].name.starts_with("gb_");
      if (feature && !theirs.rows[row][c].is_null()) return true;
    }
    return false;
  }
  const int days = Deviates(name_, Deviation::kParentLacksTheLastDay)    ? 1
                   : Deviates(name_, Deviation::kParentsLackTheLastDays) ? 2
                                                                         : 0;
  const Value last(FormatDate(end() - days));
  return types::Compare(theirs.rows[row][theirs.Column("ds")], last) <= 0;
}

bool GoldenCase::Agrees(const Answers& theirs, size_t row, size_t column, const Value& ours) const {
  const Value& expected = theirs.rows[row][column];
  const std::string& name = theirs.schema.fields[column].name;
  return Near(expected, ours, Tolerance(name)) || HangsOnATie(theirs, row, name) ||
         HangsOnNan(theirs, row, name) || TiesAtTheCut(expected, ours) ||
         TiedAlike(expected, ours) || IsWithinItsError(theirs, row, column, ours);
}

// User u10 of the chains paid twice at 1772712000000; which one LAST_K takes for older depends on
// Chronon's shuffle.
bool GoldenCase::HangsOnATie(const Answers& theirs, size_t row, const std::string& column) const {
  const auto user = theirs.schema.Find("user_id");
  return name_.starts_with("c0") && column.find("_last5_") != std::string::npos && user &&
         theirs.rows[row][*user] == Value("u10");
}

// Which of the events of one time FIRST_K and LAST_K keep, and in which order, depends on Chronon's
// heap; ours are the first encountered, as they are in its FIRST and LAST.
bool GoldenCase::TiedAlike(const Value& theirs, const Value& ours) const {
  const auto* a = std::get_if<types::ValueList>(&theirs.data);
  const auto* b = std::get_if<types::ValueList>(&ours.data);
  if (time_of_event_.empty() || a == nullptr || b == nullptr) return false;
  const auto time = [this](const Value& event) {
    return time_of_event_.at(std::get<int64_t>(event.data));
  };
  return std::ranges::equal(*a, *b, {}, time, time);
}

// Percentiles of more than k inputs and sketches of fewer counters than inputs.
bool GoldenCase::IsWithinItsError(const Answers& theirs, size_t row, size_t column,
                                  const Value& ours) const {
  if (approximated_ == nullptr) return false;
  const conf::Conf conf = OrStop(conf::ParseConf(Conf("join.json"), name_));
  const std::vector<Value>& cells = theirs.rows[row];
  const auto time = std::get<int64_t>(cells[theirs.Column("ts")].data);
  return SketchesAgree(*conf.join()->join_parts[0].group_by, *approximated_,
                       cells[theirs.Column("key")], time, theirs.schema.fields[column].name,
                       cells[column], ours);
}

// Where NaN or an infinity is in the window (then the sum is null), Chronon's heap leaves NaN
// anywhere in TOP_K and BOTTOM_K; ours is the largest.
bool GoldenCase::HangsOnNan(const Answers& theirs, size_t row, const std::string& column) const {
  for (const std::string part : {"_top3", "_bottom3"}) {
    const size_t at = column.find(part);
    if (name_ != "t12_nan_inf" || at == std::string::npos) continue;
    std::string sum = column;
    sum.replace(at, part.size(), "_sum");
    return theirs.rows[row][theirs.Column(sum)].is_null();
  }
  return false;
}

// When the k-th and the next text are equally frequent, Chronon keeps any k that are no rarer, as
// its hash map lists them, even if a more frequent one is left out; ours are the most frequent.
bool GoldenCase::TiesAtTheCut(const Value& theirs, const Value& ours) const {
  const auto* a = std::get_if<types::ValueMap>(&theirs.data);
  const auto* b = std::get_if<types::ValueMap>(&ours.data);
  if (name_ != "t07b_histogram_k" || a == nullptr || b == nullptr || a->size() != b->size()) {
    return false;
  }
  const auto rarer = [](const auto& x, const auto& y) {
    return types::Compare(x.second, y.second) < 0;
  };
  const Value& cut = std::min_element(b->begin(), b->end(), rarer)->second;
  return std::all_of(a->begin(), a->end(), [&](const auto& entry) {
    const auto same = std::find_if(b->begin(), b->end(),
                                   [&](const auto& other) { return other.first == entry.first; });
    return same == b->end() ? entry.second == cut || types::Compare(entry.second, cut) > 0
                            : same->second == entry.second;
  });
}

// What sums in plain doubles lose, whatever their order; ours are exact.
double GoldenCase::Tolerance(const std::string& column) const {
  if (Deviates(name_, Deviation::kMomentsNearZero)) return 1e-9;
  if (Deviates(name_, Deviation::kAveragesNearZero)) return 1e-15;
  const bool average = column.find("_average") != std::string::npos;
  return Deviates(name_, Deviation::kSumsLoseDigits) && average ? 0x1p11 : 0;
}

std::vector<std::string> GoldenNames() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(GoldenFolder())) {
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace catena::parity
