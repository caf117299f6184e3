// SPDX-License-Identifier: Apache-2.0
// Kernels over kernels: buckets, maps and lists of what an operation takes.
//
//   BucketKernel   one fold per text of the bucket column: MAP<STRING, output of the operation>.
//                  Rows whose bucket is null are passed over; the empty text is a bucket
//   MapKernel      one fold per key of a MAP<STRING, V> input; null values are passed over
//   ListKernel     the elements of a LIST input as inputs of their own; null elements are passed
//                  over, an empty list is no input
//   ElementWiseKernel  the i-th elements of a LIST input folded by themselves: LIST<output of the
//                  operation>, null where all were null; an empty list is no input. Lists of two
//                  lengths in one fold make it null: no position of theirs can be told
//
// Each takes the kernel of the operation over one value (of the column, of V, of the element).
//
//   output   keys in the order of their bytes; NaN and infinities stay inside of a map; null when
//            nothing was folded
//   algebra  as the operation's own: they merge key by key and position by position, and remove
//            when it can; element-wise folds never do
//   threads  as any Kernel
//   source   Chronon BucketedColumnAggregator, MapColumnAggregator, DirectColumnAggregator

#pragma once

#include "catena/aggregate/operation.h"

namespace catena::aggregate {

KernelPtr BucketKernel(KernelPtr operation);
KernelPtr MapKernel(KernelPtr operation);
KernelPtr ListKernel(KernelPtr operation);
KernelPtr ElementWiseKernel(KernelPtr operation);

}  // namespace catena::aggregate
