// SPDX-License-Identifier: Apache-2.0
// OwnerSocket: one end of a connection between the owner of a store and another process.
//
// The socket is `owner.sock` in the store's folder, whatever the length of the folder's path, and
// only the owner's user may connect.
//
//   limits   frames of at most kFrameBytesMax; memory is taken as bytes arrive, not as announced
//   threads  a connection belongs to one thread at a time; Shutdown may come from any

#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>

#include "catena/base/result.h"

namespace catena::kv {

enum class SocketOutcome : uint8_t {
  kDone,
  kClosed,    // By the other end, or broken.
  kTimedOut,  // No progress for as long as the timeout.
  kIdle,      // ReadFrame only: the timeout passed and no byte of a frame had come.
  kTooLarge,  // The frame announces more than kFrameBytesMax.
};

class OwnerSocket {
 public:
  OwnerSocket() = default;
  explicit OwnerSocket(int descriptor) : descriptor_(descriptor) {}
  OwnerSocket(OwnerSocket&& other) noexcept;
  OwnerSocket& operator=(OwnerSocket&& other) noexcept;
  ~OwnerSocket();

  // kUnavailable when nobody listens. `timeout` is of this and of every later read and write.
  static Result<OwnerSocket> Connect(const std::string& folder, std::chrono::milliseconds timeout);
  // For the process that holds the store's lock: replaces what a killed owner left.
  static Result<OwnerSocket> Listen(const std::string& folder);

  int descriptor() const { return descriptor_; }
  void SetTimeouts(std::chrono::milliseconds read, std::chrono::milliseconds write);
  // Wakes whoever reads or writes on this connection with kClosed.
  void Shutdown();

  // Sends `frame`, whose first kFrameHeaderBytes are filled in here.
  SocketOutcome WriteFrame(std::string* frame);
  // Replaces `payload` by what came after the header.
  SocketOutcome ReadFrame(std::string* payload);

 private:
  ssize_t Receive(size_t wanted);
  SocketOutcome ReadMore(size_t wanted);

  int descriptor_ = -1;
  std::string received_;  // Bytes of the next frame that came already.
};

}  // namespace catena::kv
