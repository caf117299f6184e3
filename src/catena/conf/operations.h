// SPDX-License-Identifier: Apache-2.0
// The operations: what each is called, and which integer means it in compiled confs.
//
//   X(enumerator, name, number in Chronon's confs, number in Zipline's)
//
// One line is one operation, everywhere: conf::Operation, its name, both dialects, and the catalog
// (aggregate/operation_catalog.cc), which links the OperationEntry of the same name. catena's own
// are numbered from 100 on, alike in both dialects; kNoNumber: the dialect has no such operation.
// STORED FORMAT: numbers of Chronon's api.thrift and Zipline's. Names are part of stored meanings.

#pragma once

#define CATENA_OPERATIONS(X)                                       \
  X(kMin, "MIN", 0, 0)                                             \
  X(kMax, "MAX", 1, 1)                                             \
  X(kFirst, "FIRST", 2, 2)                                         \
  X(kLast, "LAST", 3, 3)                                           \
  X(kUniqueCount, "UNIQUE_COUNT", 4, 4)                            \
  X(kApproxUniqueCount, "APPROX_UNIQUE_COUNT", 5, 5)               \
  X(kCount, "COUNT", 6, 6)                                         \
  X(kSum, "SUM", 7, 7)                                             \
  X(kAverage, "AVERAGE", 8, 8)                                     \
  X(kVariance, "VARIANCE", 9, 9)                                   \
  X(kSkew, "SKEW", 10, 10)                                         \
  X(kKurtosis, "KURTOSIS", 11, 11)                                 \
  X(kApproxPercentile, "APPROX_PERCENTILE", 12, 12)                \
  X(kLastK, "LAST_K", 13, 13)                                      \
  X(kFirstK, "FIRST_K", 14, 14)                                    \
  X(kTopK, "TOP_K", 15, 15)                                        \
  X(kBottomK, "BOTTOM_K", 16, 16)                                  \
  X(kHistogram, "HISTOGRAM", 17, 17)                               \
  X(kApproxHistogramK, "APPROX_HISTOGRAM_K", 18, kNoNumber)        \
  X(kBoundedUniqueCount, "BOUNDED_UNIQUE_COUNT", 19, kNoNumber)    \
  X(kApproxFrequentK, "APPROX_FREQUENT_K", kNoNumber, 18)          \
  X(kApproxHeavyHittersK, "APPROX_HEAVY_HITTERS_K", kNoNumber, 19) \
  X(kUniqueTopK, "UNIQUE_TOP_K", kNoNumber, 20)
