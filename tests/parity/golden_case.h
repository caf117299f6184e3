// SPDX-License-Identifier: Apache-2.0
// GoldenCase: one folder of golden/: inputs, confs, what Chronon answered, and when an answer of
// ours is the same.
//
//   equal    doubles within 1e-9 relative, maps without order, all else exactly. Where Chronon is
//            known to be wrong, or where its answer hangs on chance, Agrees says so, case by case
//   throws   where Chronon throws (t10b), the naive twin says what is expected
//   errors   files that cannot be read stop the test: they are part of it

#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "catena/base/json.h"
#include "catena/base/time.h"
#include "catena/sql/database.h"
#include "catena/types/batch.h"

namespace catena::parity {

// Rows in the order of the case's `orderBy`, columns by name.
struct Answers {
  types::Schema schema;
  std::vector<std::vector<types::Value>> rows;

  size_t Column(const std::string& name) const { return *schema.Find(name); }
};

class GoldenCase {
 public:
  explicit GoldenCase(std::string name);

  const std::string& name() const { return name_; }
  bool Has(const std::string& property) const { return properties_.contains(property); }
  const std::string& Property(const std::string& name) const { return properties_.at(name); }
  Date end() const { return *ParseDate(Property("endDate")); }
  std::filesystem::path folder() const { return folder_; }
  std::vector<std::string> InputTables() const;  // Without the namespace.
  // Of compiled/, with Chronon's SQL translated.
  Json Conf(const std::string& file) const;
  // Rows of an input table in the order of (ds, row), `ds` among the columns.
  types::Batch Input(sql::Database* database, const std::string& table) const;

  // `file`: expected.parquet or expected_parent.parquet.
  Answers Expected(sql::Database* database, const std::string& file) const;
  Answers Sorted(const types::Batch& batch) const;

  // False for rows that Chronon is known to answer wrongly.
  bool Comparable(const Answers& theirs, size_t row) const;
  // Whether `ours` may stand where they have the cell of (row, column).
  bool Agrees(const Answers& theirs, size_t row, size_t column, const types::Value& ours) const;

 private:
  Answers NaiveAnswers(sql::Database* database) const;
  bool HangsOnATie(const Answers& theirs, size_t row, const std::string& column) const;
  bool HangsOnNan(const Answers& theirs, size_t row, const std::string& column) const;
  bool TiesAtTheCut(const types::Value& theirs, const types::Value& ours) const;
  double Tolerance(const std::string& column) const;
  bool IsWithinItsError(const Answers& theirs, size_t row, size_t column,
                        const types::Value& ours) const;
  bool TiedAlike(const types::Value& theirs, const types::Value& ours) const;

  std::string name_;
  std::filesystem::path folder_;
  std::map<std::string, std::string> properties_;
  std::map<int64_t, int64_t> time_of_event_;          // Of t15b only.
  std::shared_ptr<const types::Batch> approximated_;  // Events of t06 and t07c.
};

// Folders of golden/, sorted.
std::vector<std::string> GoldenNames();

}  // namespace catena::parity
