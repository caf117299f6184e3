// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/owner_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "catena/base/bytes.h"
#include "catena/kv/store_folder.h"
#include "catena/kv/wire.h"

namespace catena::kv {
namespace {

constexpr size_t kReadBytes = 16 << 10;
constexpr size_t kLargeReadBytes = 1 << 20;
constexpr int kBacklog = 64;

Error SystemError(const char* doing, const std::string& folder) {
  return Unavailable(std::string(doing) + ": " + OwnerSocketPath(folder) + ": " +
                     std::strerror(errno));
}

// A socket's address holds 107 bytes, a folder's path may hold more: go through /proc, which names
// the open folder by a short number.
class FolderAddress {
 public:
  explicit FolderAddress(const std::string& folder)
      : folder_(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
    address_.sun_family = AF_UNIX;
    const std::string path = OwnerSocketPath("/proc/self/fd/" + std::to_string(folder_));
    std::memcpy(address_.sun_path, path.c_str(), path.size() + 1);
  }
  ~FolderAddress() {
    if (folder_ >= 0) close(folder_);
  }
  FolderAddress(const FolderAddress&) = delete;
  FolderAddress& operator=(const FolderAddress&) = delete;

  bool is_open() const { return folder_ >= 0; }
  const char* path() const { return address_.sun_path; }
  const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&address_); }
  static constexpr socklen_t kSize = sizeof(sockaddr_un);

 private:
  int folder_;
  sockaddr_un address_{};
};

timeval TimevalOf(std::chrono::milliseconds timeout) {
  return {timeout.count() / 1000, (timeout.count() % 1000) * 1000};
}

}  // namespace

OwnerSocket::OwnerSocket(OwnerSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), received_(std::move(other.received_)) {}

OwnerSocket& OwnerSocket::operator=(OwnerSocket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(received_, other.received_);
  return *this;
}

OwnerSocket::~OwnerSocket() {
  if (descriptor_ >= 0) close(descriptor_);
}

Result<OwnerSocket> OwnerSocket::Connect(const std::string& folder,
                                         std::chrono::milliseconds timeout) {
  const FolderAddress address(folder);
  if (!address.is_open()) return SystemError("no owner answers for the store", folder);
  OwnerSocket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.descriptor_ < 0) return SystemError("cannot make a socket", folder);
  // Connecting waits too, when the queue of a stopped owner is full.
  socket.SetTimeouts(timeout, timeout);
  if (connect(socket.descriptor_, address.address(), FolderAddress::kSize) != 0) {
    return SystemError("no owner answers for the store", folder);
  }
  return socket;
}

Result<OwnerSocket> OwnerSocket::Listen(const std::string& folder) {
  const FolderAddress address(folder);
  if (!address.is_open()) return SystemError("cannot open the store folder", folder);
  OwnerSocket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.descriptor_ < 0) return SystemError("cannot make a socket", folder);
  unlink(address.path());
  // Nobody can connect between bind and listen, so the mode is in place before it matters.
  if (bind(socket.descriptor_, address.address(), FolderAddress::kSize) != 0 ||
      chmod(address.path(), S_IRUSR | S_IWUSR) != 0 || listen(socket.descriptor_, kBacklog) != 0) {
    return SystemError("cannot answer other processes, put the store on a local file system",
                       folder);
  }
  return socket;
}

void OwnerSocket::SetTimeouts(std::chrono::milliseconds read, std::chrono::milliseconds write) {
  const timeval read_timeout = TimevalOf(read);
  const timeval write_timeout = TimevalOf(write);
  setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &read_timeout, sizeof(read_timeout));
  setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &write_timeout, sizeof(write_timeout));
}

void OwnerSocket::Shutdown() { shutdown(descriptor_, SHUT_RDWR); }

SocketOutcome OwnerSocket::WriteFrame(std::string* frame) {
  const size_t length = frame->size() - kFrameHeaderBytes;
  if (length > kFrameBytesMax) return SocketOutcome::kTooLarge;
  for (size_t i = 0; i < kFrameHeaderBytes; ++i) {
    (*frame)[i] = static_cast<char>(length >> (8 * i));
  }
  std::string_view rest = *frame;
  while (!rest.empty()) {
    const ssize_t sent = send(descriptor_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) {
      const bool is_timeout = errno == EAGAIN || errno == EWOULDBLOCK;
      return is_timeout ? SocketOutcome::kTimedOut : SocketOutcome::kClosed;
    }
    rest.remove_prefix(static_cast<size_t>(sent));
  }
  return SocketOutcome::kDone;
}

ssize_t OwnerSocket::Receive(size_t wanted) {
  if (wanted <= kReadBytes) {
    char bytes[kReadBytes];  // Not received_ itself: growing it would clear what is overwritten.
    const ssize_t got = recv(descriptor_, bytes, sizeof(bytes), 0);
    if (got > 0) received_.append(bytes, static_cast<size_t>(got));
    return got;
  }
  const size_t had = received_.size();
  const size_t room = std::min(wanted, kLargeReadBytes);
  received_.resize(had + room);
  const ssize_t got = recv(descriptor_, received_.data() + had, room, 0);
  const int code = errno;
  received_.resize(had + static_cast<size_t>(std::max<ssize_t>(got, 0)));
  errno = code;
  return got;
}

SocketOutcome OwnerSocket::ReadMore(size_t wanted) {
  while (received_.size() < wanted) {
    const ssize_t got = Receive(wanted - received_.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return received_.empty() ? SocketOutcome::kIdle : SocketOutcome::kTimedOut;
    }
    if (got <= 0) return SocketOutcome::kClosed;
  }
  return SocketOutcome::kDone;
}

SocketOutcome OwnerSocket::ReadFrame(std::string* payload) {
  SocketOutcome outcome = ReadMore(kFrameHeaderBytes);
  if (outcome != SocketOutcome::kDone) return outcome;
  size_t length = 0;
  for (size_t i = 0; i < kFrameHeaderBytes; ++i) {
    length |= size_t{static_cast<uint8_t>(received_[i])} << (8 * i);
  }
  if (length > kFrameBytesMax) return SocketOutcome::kTooLarge;
  outcome = ReadMore(kFrameHeaderBytes + length);
  if (outcome != SocketOutcome::kDone) return outcome;
  payload->assign(received_, kFrameHeaderBytes, length);
  received_.erase(0, kFrameHeaderBytes + length);
  if (length > kLargeReadBytes) received_.shrink_to_fit();
  return SocketOutcome::kDone;
}

}  // namespace catena::kv
