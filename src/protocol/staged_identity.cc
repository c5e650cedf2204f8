#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "protocol/staged_identity_internal.h"

namespace scissionlite::protocol {
namespace {

int memory_file(const std::string& pem, int64_t generation) {
  const int fd = memfd_create("scissionlite-tls", MFD_CLOEXEC);
  const timespec times[2] = {{.tv_sec = generation, .tv_nsec = 0}, {.tv_sec = generation, .tv_nsec = 0}};
  if (fd < 0 || !write_all(fd, pem) || fchmod(fd, S_IRUSR | S_IWUSR) != 0 || futimens(fd, times) != 0)
    throw ResourceError(std::string("[tls] no file in memory can be made for the certificate: ") + std::strerror(errno));
  return fd;
}

}  // namespace

StagedIdentity::StagedIdentity(const std::string& pem) : file_(memory_file(pem, generation_)) {
  if (access(path().c_str(), R_OK) != 0) throw ResourceError("[tls] cannot read " + path() + ": " + std::strerror(errno) + "; is /proc mounted?");
}

void StagedIdentity::replace(const std::string& pem) {
  const Descriptor next(memory_file(pem, ++generation_));
  if (dup3(next.get(), file_.get(), O_CLOEXEC) < 0)
    throw ResourceError(std::string("[tls] the certificate cannot be replaced: ") + std::strerror(errno));
}

}  // namespace scissionlite::protocol
