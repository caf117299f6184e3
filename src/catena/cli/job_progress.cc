// SPDX-License-Identifier: Apache-2.0
#include "catena/cli/job_progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace catena::cli {
namespace {

constexpr int kBarColumns = 24;
constexpr const char* kClearLine = "\r\x1b[K";
constexpr Millis kBetweenDraws{100};
constexpr Millis kBetweenLines{10000};
// Before that much is done, what is left is a guess.
constexpr double kPartToTrust = 0.02;

std::string Duration(double seconds) {
  const auto whole = static_cast<int64_t>(seconds + 0.5);
  if (whole >= 3600) {
    return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  }
  return fmt::format("{:02}:{:02}", whole / 60, whole % 60);
}

class BarProgress : public batch::Progress {
 public:
  explicit BarProgress(const Clock* clock) : clock_(clock), meter_(clock) {}
  ~BarProgress() override { fmt::print(stderr, "{}", kClearLine); }

  void OnPlan(const plan::BackfillPlan& plan) override { meter_.BeginPlan(plan); }
  void OnStep(const plan::Step& step, size_t index, size_t steps) override {
    meter_.BeginStep(index);
    name_ = fmt::format("{}/{} {} {}", index + 1, steps, plan::StepKindName(step.kind), step.name);
    Draw();
  }
  void OnRows(uint64_t done, uint64_t) override {
    meter_.SetStepRows(done);
    if (clock_->Now() - drawn_ >= kBetweenDraws) Draw();
  }
  void OnPartition(Date, uint64_t rows, uint64_t bytes) override {
    meter_.AddPartition(rows, bytes);
    if (clock_->Now() - drawn_ >= kBetweenDraws) Draw();
  }

 private:
  void Draw() {
    drawn_ = clock_->Now();
    const int filled = static_cast<int>(meter_.Part().value_or(0) * kBarColumns);
    fmt::print(stderr, "{}[{}{}] {}  {}", kClearLine, std::string(filled, '#'),
               std::string(kBarColumns - filled, '.'), name_, meter_.Text());
    std::fflush(stderr);
  }

  const Clock* clock_;
  JobMeter meter_;
  std::string name_;
  Timestamp drawn_;
};

class LineProgress : public batch::Progress {
 public:
  explicit LineProgress(const Clock* clock) : clock_(clock), meter_(clock), said_(clock->Now()) {}

  void OnPlan(const plan::BackfillPlan& plan) override { meter_.BeginPlan(plan); }
  void OnStep(const plan::Step& step, size_t index, size_t steps) override {
    meter_.BeginStep(index);
    said_ = clock_->Now();
    fmt::print(stderr, "step {}/{}: {} {}: {} days to compute, {} reused ({})\n", index + 1, steps,
               plan::StepKindName(step.kind), step.name, step.compute.size(), step.reuse.size(),
               step.because);
  }
  void OnRows(uint64_t done, uint64_t) override {
    meter_.SetStepRows(done);
    Say();
  }
  void OnPartition(Date, uint64_t rows, uint64_t bytes) override {
    meter_.AddPartition(rows, bytes);
    Say();
  }

 private:
  void Say() {
    if (clock_->Now() - said_ < kBetweenLines) return;
    said_ = clock_->Now();
    fmt::print(stderr, "  {}\n", meter_.Text());
  }

  const Clock* clock_;
  JobMeter meter_;
  Timestamp said_;
};

}  // namespace

void JobMeter::BeginPlan(const plan::BackfillPlan& plan) {
  *this = JobMeter(clock_);
  for (const plan::Step& step : plan.steps) {
    rows_planned_.push_back(step.estimate ? step.estimate->rows_written : 0);
  }
}

void JobMeter::BeginStep(size_t index) {
  rows_before_ = RowsDone();
  step_ = index;
  step_rows_ = step_rows_written_ = 0;
}

void JobMeter::SetStepRows(uint64_t done) { step_rows_ = done; }

void JobMeter::AddPartition(uint64_t rows, uint64_t bytes) {
  step_rows_written_ += rows;
  bytes_ += bytes;
}

uint64_t JobMeter::RowsDone() const {
  return rows_before_ + std::max(step_rows_, step_rows_written_);
}

// By what was planned of the steps before, so that a step that gave fewer rows than planned does
// not hold the bar back.
std::optional<double> JobMeter::Part() const {
  uint64_t total = 0;
  uint64_t done = 0;
  for (size_t i = 0; i < rows_planned_.size(); ++i) {
    total += rows_planned_[i];
    if (i < step_) done += rows_planned_[i];
  }
  if (total == 0) return std::nullopt;
  done += std::min(std::max(step_rows_, step_rows_written_), rows_planned_[step_]);
  return static_cast<double>(done) / static_cast<double>(total);
}

double JobMeter::Seconds() const {
  return static_cast<double>((clock_->Now() - start_).count()) / 1000;
}

std::string JobMeter::Text() const {
  uint64_t total = 0;
  for (const uint64_t rows : rows_planned_) total += rows;
  std::string text = std::to_string(RowsDone());
  if (total > 0) text += fmt::format(" of about {}", total);
  text += " rows";
  const double seconds = Seconds();
  if (seconds > 0) {
    text += fmt::format(", {:.0f} rows/s", static_cast<double>(RowsDone()) / seconds);
  }
  text += ", " + plan::PrintBytes(bytes_);
  const std::optional<double> part = Part();
  if (part && *part >= kPartToTrust && *part < 1) {
    text += ", " + Duration(seconds / *part * (1 - *part)) + " left";
  }
  return text;
}

std::unique_ptr<batch::Progress> MakeBarProgress(const Clock* clock) {
  return std::make_unique<BarProgress>(clock);
}

std::unique_ptr<batch::Progress> MakeLineProgress(const Clock* clock) {
  return std::make_unique<LineProgress>(clock);
}

}  // namespace catena::cli
