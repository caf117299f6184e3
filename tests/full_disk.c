// SPDX-License-Identifier: Apache-2.0
// LD_PRELOAD of a process whose disk is full while the file $FULL_DISK_WHILE exists: what it writes
// into regular files, standard output and error apart, is refused with ENOSPC.
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static int is_refused(int descriptor) {
  const char* file = getenv("FULL_DISK_WHILE");
  struct stat status;
  if (descriptor <= 2 || file == NULL || access(file, F_OK) != 0) return 0;
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return 0;
  errno = ENOSPC;
  return 1;
}

ssize_t write(int descriptor, const void* bytes, size_t size) {
  return is_refused(descriptor) ? -1 : syscall(SYS_write, descriptor, bytes, size);
}

ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t offset) {
  return is_refused(descriptor) ? -1 : syscall(SYS_pwrite64, descriptor, bytes, size, offset);
}

ssize_t pwrite64(int descriptor, const void* bytes, size_t size, off64_t offset) {
  return pwrite(descriptor, bytes, size, offset);
}

int fallocate(int descriptor, int mode, off_t offset, off_t size) {
  return is_refused(descriptor) ? -1 : (int)syscall(SYS_fallocate, descriptor, mode, offset, size);
}

int fallocate64(int descriptor, int mode, off64_t offset, off64_t size) {
  return fallocate(descriptor, mode, offset, size);
}
