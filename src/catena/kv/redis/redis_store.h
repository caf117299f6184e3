// SPDX-License-Identifier: Apache-2.0
// Redis as a KVStore: shared by any number of processes, written by one stream.
//
//   {prefix}:v:<bytes of name>:<dataset>:<key>   sorted set, all of score 0: instant(16) value
//   {prefix}:k:<dataset>                         sorted set, all of score 0: its keys
//   {prefix}:m:<dataset>                         hash: its marks
//   {prefix}:d                                   set: the datasets that hold anything
//   {prefix}:w                                   the last write of the owner: <owner>/<number>
//
// Members of one score are ordered as bytes, so a range of instants is a range of members. The
// braces put a store into one hash slot: Apply is one script and MultiGet one transaction, so both
// are atomic over all datasets, in a cluster too.
//
//     owner     writes k-1 ---> k: the script writes only if {prefix}:w says k-1
//
// So a write that was delayed, a process that lost its place to another one and a server that
// forgot its last seconds are all refused, whatever order they come in (docs/decisions/0011).
//
//   owner    kOwn: the last to open it; the one before is refused from then on (kUnsupported)
//   joiner   kJoin: its writes are not ordered among the owner's
//   durable  is what the server's appendfsync says; a script survives a crash of this process
//   errors   redis_connection.h; kUnavailable from Apply until Resume once an answer was lost
//   threads  every call may run concurrently with every other; an owner's writes queue

#pragma once

#include <memory>

#include "catena/kv/kv_store.h"
#include "catena/kv/redis/redis_connection.h"

namespace catena::kv {

Result<std::unique_ptr<KVStore>> OpenRedisStore(const RedisPlace& place, OpenMode mode);

}  // namespace catena::kv
