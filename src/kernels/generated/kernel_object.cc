#include "kernels/generated/kernel_object.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace scissionlite::kernels {
namespace {

/// A file in memory that holds the bytes: what dlopen reads is what was checked.
int memory_file(std::string_view bytes, const std::string& where) {
  const int fd = memfd_create("scissionlite-kernel", MFD_CLOEXEC);
  for (size_t done = 0; fd >= 0 && done < bytes.size();) {
    const ssize_t n = write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      close(fd);
      throw ResourceError("[kernels] no memory for the kernel '" + where + "': " + std::strerror(errno));
    }
    done += static_cast<size_t>(n);
  }
  if (fd < 0) throw ResourceError("[kernels] no file in memory for the kernel '" + where + "': " + std::strerror(errno));
  return fd;
}

}  // namespace

KernelObject::KernelObject(std::string_view bytes, const std::string& where) : file_(memory_file(bytes, where)) {
  handle_ = dlopen(("/proc/self/fd/" + std::to_string(file_)).c_str(), RTLD_NOW | RTLD_LOCAL);
  const std::string refusal = handle_ ? "" : dlerror();
  const auto* identity = handle_ ? static_cast<const char*>(dlsym(handle_, kKernelIdentitySymbol)) : nullptr;
  function_ = handle_ ? reinterpret_cast<void (*)(const void*)>(dlsym(handle_, kKernelSymbol)) : nullptr;
  if (identity) identity_ = identity;
  if (identity && function_) return;
  if (handle_) dlclose(handle_);
  close(file_);
  if (!refusal.empty()) throw InvalidArgument("[kernels] '" + where + "' is no kernel for this machine: " + refusal);
  throw InvalidArgument("[kernels] '" + where + "' is a shared object, but no kernel: it lacks '" +
                        (identity ? kKernelSymbol : kKernelIdentitySymbol) + "'");
}

KernelObject::~KernelObject() {
  dlclose(handle_);
  close(file_);
}

}  // namespace scissionlite::kernels
