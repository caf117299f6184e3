// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/kv_store.h"

#include <algorithm>
#include <cstring>

namespace catena::kv {
namespace {

constexpr size_t kPieceBytesMin = size_t{4} << 10;
constexpr size_t kPieceBytesMax = size_t{256} << 10;

}  // namespace

void FlatAnswers::Clear() {
  values_.clear();
  ends_.clear();
  errors_.clear();
  piece_ = used_ = 0;
}

void FlatAnswers::Close(size_t limit) {
  const size_t begin = ends_.empty() ? 0 : ends_.back();
  if (limit != 0 && values_.size() - begin > limit) {
    values_.erase(values_.begin() + static_cast<ptrdiff_t>(begin),
                  values_.end() - static_cast<ptrdiff_t>(limit));
  }
  ends_.push_back(values_.size());
}

void FlatAnswers::Fail(Error error) {
  values_.resize(ends_.empty() ? 0 : ends_.back());
  errors_.emplace_back(ends_.size(), std::move(error));
  ends_.push_back(values_.size());
}

Status FlatAnswers::StatusOf(size_t i) const {
  if (errors_.empty()) return Status();
  const auto at = std::find_if(errors_.begin(), errors_.end(),
                               [i](const auto& error) { return error.first == i; });
  return at == errors_.end() ? Status() : Status(at->second);
}

// Pieces stay where they are, so that what was handed out stays good.
std::string_view FlatAnswers::Keep(std::string_view bytes) {
  while (piece_ < pieces_.size() && pieces_[piece_].size - used_ < bytes.size()) {
    ++piece_;
    used_ = 0;
  }
  if (piece_ == pieces_.size()) {
    const size_t twice = pieces_.empty() ? kPieceBytesMin : 2 * pieces_.back().size;
    const size_t size = std::max(std::min(twice, kPieceBytesMax), bytes.size());
    pieces_.push_back({std::make_unique_for_overwrite<char[]>(size), size});
  }
  char* const to = pieces_[piece_].bytes.get() + used_;
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  used_ += bytes.size();
  return {to, bytes.size()};
}

void KVStore::MultiGetFlat(std::span<const GetRequest> requests, FlatAnswers* answers) {
  answers->Clear();
  for (const auto& answer : MultiGet(requests)) {
    if (!answer.ok()) {
      answers->Fail(answer.error());
      continue;
    }
    for (const TimedValue& value : *answer) answers->Add(value.time, value.sequence, value.value);
    answers->Close();
  }
}

Status SortedPuts::VisitAll(const Visit& visit) const {
  for (size_t dataset = 0; dataset < datasets(); ++dataset) {
    CATENA_RETURN_IF_ERROR(VisitEach(dataset, visit));
  }
  return Status();
}

Status KVStore::ApplySorted(const SortedPuts& puts, std::span<const Mark> marks) {
  WriteBatch batch;
  batch.puts.reserve(puts.size());
  CATENA_RETURN_IF_ERROR(puts.VisitAll([&batch](const PutView& put) {
    batch.puts.push_back({std::string(put.dataset),
                          std::string(put.key),
                          {put.time, put.sequence, std::string(put.value)}});
    return Status();
  }));
  batch.marks.assign(marks.begin(), marks.end());
  return Apply(batch);
}

}  // namespace catena::kv
