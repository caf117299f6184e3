// SPDX-License-Identifier: Apache-2.0
// Writes the rows of a step into days of its table and marks each day with what the step says that
// it is made with and from, and with what the left partition was.
//
//   order    the step's days lose their marks, then a day is written, then marked. Of many days the
//            marks go to disk a few at a time: a killed job computes at most a 64th of the table
//            again
//   threads  one job at a time: the runner holds the table's lock; days may be written side by side

#pragma once

#include <functional>
#include <map>
#include <mutex>

#include "catena/batch/context.h"
#include "catena/batch/run_report.h"

namespace catena::batch {

class PartitionOutput {
 public:
  // `of`: the conf whose table it is; its table properties say how files are written.
  static Result<PartitionOutput> Open(const BatchContext& context, const plan::Step& step,
                                      const conf::MetaData& of, StepReport* report);
  // `left`: the print of the left partition, taken before it was read; "" where there is none or
  // the step has it.
  Status Write(Date day, const types::Batch& rows, const std::string& left);

  // A day that turned out to have no rows is no partition.
  Status Drop(Date day) { return table_.DropPartition(day); }

  struct DayRows {
    Date day;
    size_t begin = 0;  // Rows [begin, end) of what is written.
    size_t end = 0;
    std::string left;
  };
  // All of `days`, on all threads; tells progress. The rows of a day are made when it is written.
  using MakeRows = std::function<Result<types::Batch>(const DayRows& day)>;
  Status WriteDays(const BatchContext& context, const std::vector<DayRows>& days,
                   const MakeRows& make);

 private:
  PartitionOutput(table::Table table, table::ParquetOptions parquet, const plan::Step& step,
                  Progress* progress, KeptRows* kept, StepReport* report)
      : table_(std::move(table)),
        parquet_(std::move(parquet)),
        meaning_(step.meaning),
        planned_(step.marks),
        progress_(progress),
        kept_(kept),
        report_(report),
        mutex_(std::make_unique<std::mutex>()) {}
  Status WriteOne(Date day, const types::Batch& rows, const std::string& left);
  Status Flush();

  table::Table table_;
  table::ParquetOptions parquet_;
  std::string meaning_;
  std::map<Date, plan::DayMark> planned_;
  std::map<Date, plan::DayMark> marks_;  // Of the table; on disk but for the newest.
  size_t unwritten_ = 0;                 // So many of marks_.
  Progress* progress_;
  KeptRows* kept_;
  StepReport* report_;
  std::unique_ptr<std::mutex> mutex_;  // Of the marks and the report.
};

// The part of a report that the plan already knows.
StepReport BeginReport(const plan::Step& step);

}  // namespace catena::batch
