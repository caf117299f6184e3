// SPDX-License-Identifier: Apache-2.0
// Result<T>, Status: how a failure that a caller can react to is told.
//
// A Result holds a value or an Error; a Status holds nothing or an Error. An ErrorCode names the
// *reaction* a caller can have, the message names the cause (static text first, values last).
//
//   errors   reading value() of a failed Result stops the process: it is a bug, not a condition
//   threads  values like any other; no shared state
//   source   shape of std::expected, which gcc 12 does not offer in C++20

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "catena/base/check.h"

namespace catena {

enum class ErrorCode : uint8_t {
  kInvalidConf,  // The author of a feature must fix the definition or the command line.
  kInvalidData,  // One row is bad: count it, skip it, continue.
  kNotFound,     // No such key, dataset, partition or conf.
  kUnavailable,  // Try again later; the request may or may not have been applied.
  kCorruption,   // Stored bytes do not decode: stop and keep the evidence.
  kUnsupported,  // Valid, but this build or backend cannot do it.
};

// "invalid conf", "not found", ...: for messages and for the HTTP mapping.
std::string_view ErrorCodeName(ErrorCode code);

// What the process exits with when `code` ends it: 2 usage, conf; 75 a dependency is down; 1 else.
int ExitCodeOf(ErrorCode code);

struct Error {
  ErrorCode code;
  std::string message;

  // The same failure, with where it happened in front: "<where>: <message>".
  Error WithContext(std::string_view where) const {
    return Error{code, std::string(where) + ": " + message};
  }
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}  // NOLINT: implicit by design

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const {
    CATENA_CHECK(error_.has_value(), "error() of an ok Status");
    return *error_;
  }
  Status WithContext(std::string_view where) const {
    return ok() ? Status() : Status(error_->WithContext(where));
  }

 private:
  std::optional<Error> error_;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    CATENA_CHECK(ok(), ok() ? "" : error().message);
    return std::get<0>(state_);
  }
  const T& value() const& {
    CATENA_CHECK(ok(), ok() ? "" : error().message);
    return std::get<0>(state_);
  }
  // By value, so that `for (auto& x : *MakeResult())` walks something that lives.
  T value() && {
    CATENA_CHECK(ok(), ok() ? "" : error().message);
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const {
    CATENA_CHECK(!ok(), "error() of an ok Result");
    return std::get<1>(state_);
  }
  Status status() const { return ok() ? Status() : Status(error()); }
  Result WithContext(std::string_view where) && {
    return ok() ? std::move(*this) : Result(error().WithContext(where));
  }

 private:
  std::variant<T, Error> state_;
};

inline Error InvalidConf(std::string message) {
  return Error{ErrorCode::kInvalidConf, std::move(message)};
}
inline Error InvalidData(std::string message) {
  return Error{ErrorCode::kInvalidData, std::move(message)};
}
inline Error NotFound(std::string message) {
  return Error{ErrorCode::kNotFound, std::move(message)};
}
inline Error Unavailable(std::string message) {
  return Error{ErrorCode::kUnavailable, std::move(message)};
}
inline Error Corruption(std::string message) {
  return Error{ErrorCode::kCorruption, std::move(message)};
}
inline Error Unsupported(std::string message) {
  return Error{ErrorCode::kUnsupported, std::move(message)};
}

}  // namespace catena

#define CATENA_CONCAT_INNER(a, b) a##b
#define CATENA_CONCAT(a, b) CATENA_CONCAT_INNER(a, b)

// CATENA_TRY(auto batch, table->Scan(range)); binds the value or returns the error.
#define CATENA_TRY(declaration, expression) \
  CATENA_TRY_INNER(CATENA_CONCAT(catena_try_, __LINE__), declaration, expression)
#define CATENA_TRY_INNER(result, declaration, expression) \
  auto result = (expression);                             \
  if (!result.ok()) return result.error();                \
  declaration = std::move(result).value()

// CATENA_RETURN_IF_ERROR(store->Apply(batch)); returns the error of a Status, else goes on.
#define CATENA_RETURN_IF_ERROR(expression)                        \
  do {                                                            \
    if (auto catena_status = (expression); !catena_status.ok()) { \
      return catena_status.error();                               \
    }                                                             \
  } while (false)
