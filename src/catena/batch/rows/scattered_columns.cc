// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/scattered_columns.h"

#include <algorithm>

#include "catena/base/parallel.h"
#include "catena/batch/rows/packed_rows.h"

namespace catena::batch {
using types::Column;
using types::ColumnPtr;

namespace {

// Rows that are put in order together: what is written stays in a near cache meanwhile.
constexpr size_t kBlock = size_t{1} << 13;
// Runs that are fetched before it is their turn.
constexpr size_t kRunsAhead = 2;
constexpr size_t kLine = 64;

}  // namespace

ScatteredColumns::ScatteredColumns(types::Schema schema, size_t rows)
    : schema_(std::move(schema)), rows_(rows) {
  for (size_t i = 0; i < schema_.size(); ++i) {
    if (!HasFixedWidth(schema_.fields[i].type)) others_.push_back(i);
  }
}

void ScatteredColumns::AddGo(Go go) {
  uint32_t begin = 0;
  for (const Columns& piece : go.pieces) {
    CATENA_CHECK(piece.size() == schema_.size(), "a column a field");
    go.begins.push_back(begin);
    begin += piece.empty() ? 0 : static_cast<uint32_t>(piece.front()->size());
  }
  go.begins.push_back(begin);
  goes_.push_back(std::move(go));
}

void ScatteredColumns::Add(RowParts parts, std::vector<Columns> pieces) {
  CATENA_CHECK(pieces.size() == parts.parts() && parts.rows() == rows_, "a piece a part");
  for (size_t part = 0; part < pieces.size(); ++part) {
    for (const ColumnPtr& column : pieces[part]) {
      CATENA_CHECK(column->size() == parts.begin(part + 1) - parts.begin(part), "a value a row");
    }
  }
  AddGo({std::move(pieces), std::move(parts), {}});
}

void ScatteredColumns::Add(Columns source, std::vector<uint32_t> from) {
  CATENA_CHECK(from.size() == rows_, "a place a row");
  Go go{{}, RowParts({}, 0), std::move(from)};
  go.pieces.push_back(std::move(source));
  AddGo(std::move(go));
}

void ScatteredColumns::Close(int threads) {
  closed_ = true;
  uint32_t begin = 1;
  for (Go& go : goes_) {
    go.begin = begin;
    begin += go.begins.back();
  }
  gathered_.resize(others_.size());
  ParallelEach(gathered_.size(), threads, [&](size_t i) {
    auto all = std::make_shared<Column>(schema_.fields[others_[i]].type);
    all->AppendNull();
    for (Go& go : goes_) {
      for (Columns& piece : go.pieces) {
        all->AppendAll(*piece[others_[i]]);
        piece[others_[i]].reset();
      }
    }
    gathered_[i] = std::move(all);
  });
}

ScatteredColumns::Places ScatteredColumns::PlacesOf(const Go& go, size_t first, size_t last) {
  if (!go.from.empty()) {
    return {std::vector<uint16_t>(last - first, 0),
            {go.from.begin() + static_cast<ptrdiff_t>(first),
             go.from.begin() + static_cast<ptrdiff_t>(last)}};
  }
  Places places{std::vector<uint16_t>(last - first, 0),
                std::vector<uint32_t>(last - first, kNowhere)};
  go.parts.Walk(first, last, [&](size_t row, uint32_t at) {
    const uint16_t part = go.parts.part(row);
    places.pieces[row - first] = part;
    places.rows[row - first] = at - go.begins[part];
  });
  return places;
}

ScatteredColumns::Runs ScatteredColumns::RunsOf(const Go& go, const Places& places) {
  Runs runs;
  runs.places.reserve(places.rows.size());
  std::vector<uint32_t> next(go.pieces.size() + 1);
  for (size_t first = 0; first < places.rows.size(); first += kBlock) {
    const size_t last = std::min(places.rows.size(), first + kBlock);
    std::ranges::fill(next, 0);
    for (size_t i = first; i < last; ++i) {
      if (places.rows[i] != kNowhere) ++next[places.pieces[i] + 1];
    }
    next[0] = static_cast<uint32_t>(runs.places.size());
    for (size_t piece = 1; piece < next.size(); ++piece) next[piece] += next[piece - 1];
    const std::vector<uint32_t> begins = next;
    runs.places.resize(next.back());
    for (size_t i = first; i < last; ++i) {
      if (places.rows[i] == kNowhere) continue;
      runs.places[next[places.pieces[i]]++] = static_cast<uint32_t>(i);
    }
    for (size_t piece = 0; piece < go.pieces.size(); ++piece) {
      if (begins[piece] == begins[piece + 1]) continue;
      runs.all.push_back({static_cast<uint16_t>(piece), places.rows[runs.places[begins[piece]]],
                          begins[piece], begins[piece + 1]});
    }
  }
  return runs;
}

template <typename T>
void ScatteredColumns::Gather(const Go& go, size_t field, const Places& places, const Runs& runs,
                              Column* into) {
  T* value = into->template MutableValues<T>().data();
  uint8_t* valid = into->MutableValidity().data();
  if (!go.from.empty()) {
    const T* values = go.pieces.front()[field]->template Values<T>().data();
    const uint8_t* validity = go.pieces.front()[field]->validity();
    for (size_t i = 0; i < places.rows.size(); ++i) {
      if (places.rows[i] == kNowhere) continue;
      value[i] = values[places.rows[i]];
      valid[i] = validity[places.rows[i]];
    }
    return;
  }
  std::vector<std::pair<const T*, const uint8_t*>> columns;
  for (const Columns& piece : go.pieces) {
    columns.emplace_back(piece[field]->template Values<T>().data(), piece[field]->validity());
  }
  for (size_t r = 0; r < runs.all.size(); ++r) {
    if (r + kRunsAhead < runs.all.size()) {
      const Run& ahead = runs.all[r + kRunsAhead];
      const T* values = columns[ahead.piece].first + ahead.row;
      for (uint32_t i = 0; i < ahead.last - ahead.first; i += kLine / sizeof(T)) {
        __builtin_prefetch(values + i);
      }
      __builtin_prefetch(columns[ahead.piece].second + ahead.row);
    }
    const Run& run = runs.all[r];
    const T* values = columns[run.piece].first + run.row;
    const uint8_t* validity = columns[run.piece].second + run.row;
    const uint32_t* to = runs.places.data() + run.first;
    for (uint32_t i = 0; i < run.last - run.first; ++i) {
      value[to[i]] = values[i];
      valid[to[i]] = validity[i];
    }
  }
}

types::Batch ScatteredColumns::Take(size_t first, size_t last) const {
  CATENA_CHECK(closed_ && first <= last && last <= rows_, "rows are taken after Close");
  std::vector<std::shared_ptr<Column>> columns;
  for (const types::Field& field : schema_.fields) {
    columns.push_back(std::make_shared<Column>(field.type));
    if (HasFixedWidth(field.type)) columns.back()->ResizeNulls(last - first);
  }
  std::vector<uint32_t> from(gathered_.empty() ? 0 : last - first, 0);
  for (const Go& go : goes_) {
    const Places places = PlacesOf(go, first, last);
    const Runs runs = go.from.empty() ? RunsOf(go, places) : Runs();
    for (size_t i = 0; i < columns.size(); ++i) {
      if (!HasFixedWidth(schema_.fields[i].type)) continue;
      VisitFixedWidth(schema_.fields[i].type.kind,
                      [&]<typename T>(T) { Gather<T>(go, i, places, runs, columns[i].get()); });
    }
    for (size_t row = 0; row < from.size(); ++row) {
      if (places.rows[row] == kNowhere) continue;
      from[row] = go.begin + go.begins[places.pieces[row]] + places.rows[row];
    }
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    if (HasFixedWidth(schema_.fields[i].type)) columns[i]->CountNulls();
  }
  for (size_t i = 0; i < others_.size(); ++i) {
    columns[others_[i]] = std::make_shared<Column>(gathered_[i]->Take(from));
  }
  return types::Batch(schema_, {columns.begin(), columns.end()});
}

}  // namespace catena::batch
