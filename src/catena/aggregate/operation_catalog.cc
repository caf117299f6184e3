// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/operation_catalog.h"

#include "catena/aggregate/nested_kernel.h"
#include "catena/conf/output_names.h"

// One line per operation; operations/*.cc define them.
#define CATENA_OPERATIONS(X) \
  X(kMin)                    \
  X(kMax)                    \
  X(kFirst)                  \
  X(kLast)                   \
  X(kFirstK)                 \
  X(kLastK)                  \
  X(kCount)                  \
  X(kSum)                    \
  X(kAverage)                \
  X(kVariance)               \
  X(kSkew)                   \
  X(kKurtosis)               \
  X(kTopK)                   \
  X(kBottomK)                \
  X(kUniqueTopK)             \
  X(kBoundedUniqueCount)     \
  X(kUniqueCount)            \
  X(kApproxUniqueCount)      \
  X(kApproxPercentile)       \
  X(kHistogram)              \
  X(kApproxHistogramK)       \
  X(kApproxFrequentK)        \
  X(kApproxHeavyHittersK)

namespace catena::aggregate {

#define CATENA_DECLARE(entry) extern const OperationEntry entry;
CATENA_OPERATIONS(CATENA_DECLARE)

namespace {

#define CATENA_LIST(entry) &entry,
constexpr const OperationEntry* kOperations[] = {CATENA_OPERATIONS(CATENA_LIST)};

// A list's elements and a map's values are inputs of their own, unless the operation depends on
// time: to that the whole is one value, which no operation stores yet.
Result<KernelPtr> BindInput(const OperationEntry& entry, BindRequest request) {
  CATENA_TRY(KernelPtr whole, entry.bind(request));
  if (whole != nullptr || request.input.children.empty() || entry.timed) return whole;
  const types::DataType type = request.input;
  if (type.kind == types::Kind::kList) {
    request.input = type.children[0];
    CATENA_TRY(KernelPtr element, entry.bind(request));
    return element == nullptr ? element : ListKernel(std::move(element));
  }
  if (type.kind == types::Kind::kMap && type.children[0].kind == types::Kind::kString) {
    request.input = type.children[1];
    CATENA_TRY(KernelPtr value, entry.bind(request));
    return value == nullptr ? value : MapKernel(std::move(value));
  }
  return KernelPtr();
}

}  // namespace

std::span<const OperationEntry* const> Operations() { return kOperations; }

const OperationEntry* FindOperation(std::string_view name) {
  for (const OperationEntry* entry : kOperations) {
    if (entry->name == name) return entry;
  }
  return nullptr;
}

Result<KernelPtr> BindOperation(conf::Operation operation, const BindRequest& request) {
  const std::string name = conf::OperationName(operation);
  const OperationEntry* entry = FindOperation(name);
  CATENA_CHECK(entry != nullptr, "an operation of conf is not in the table: " + name);
  CATENA_TRY(KernelPtr kernel, BindInput(*entry, request));
  if (kernel == nullptr) {
    const bool nested = !request.input.children.empty();
    std::string message = "input type does not suit the operation: " + name + " takes " +
                          std::string(entry->inputs) + ", not " + types::TypeName(request.input);
    return nested ? Unsupported(std::move(message)) : InvalidConf(std::move(message));
  }
  return kernel;
}

}  // namespace catena::aggregate
