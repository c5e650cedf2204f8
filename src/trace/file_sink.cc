#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/descriptor.h"
#include "base/error.h"
#include "trace/sink.h"

namespace scissionlite::trace {
namespace {

class FileSink final : public Sink {
 public:
  explicit FileSink(const fs::path& file) : file_(file), fd_(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
    if (fd_.get() < 0)
      throw ResourceError("[trace] '" + file_.string() + "' cannot be written: " + std::strerror(errno) +
                          "; give --trace-file a file in a folder that exists and may be written");
    is_torn_ = ends_torn();
  }
  [[nodiscard]] std::string name() const override { return "file '" + file_.string() + "'"; }
  void write(const std::string& otlp_json, const LeftUs&) override {
    const auto before_bytes = size_bytes();
    if (!write_all(fd_.get(), (is_torn_ ? "\n" : "") + otlp_json + "\n")) {
      const int reason = errno;
      cut_back(before_bytes);
      throw ResourceError("[trace] '" + file_.string() + "' cannot be written: " + std::strerror(reason));
    }
    is_torn_ = false;
  }

 private:
  /// Of what is no file, as a pipe, 0.
  [[nodiscard]] off_t size_bytes() const {
    struct stat info {};
    return fstat(fd_.get(), &info) == 0 && S_ISREG(info.st_mode) ? info.st_size : 0;
  }
  void cut_back(off_t bytes) {
    if (size_bytes() > bytes && ftruncate(fd_.get(), bytes) != 0) is_torn_ = true;
  }
  [[nodiscard]] bool ends_torn() const {
    const auto bytes = size_bytes();
    if (bytes == 0) return false;
    const Descriptor reader(::open(file_.c_str(), O_RDONLY | O_CLOEXEC));
    char last = '\n';
    return pread(reader.get(), &last, 1, bytes - 1) == 1 && last != '\n';
  }

  fs::path file_;
  Descriptor fd_;
  bool is_torn_ = false;  // it ends within a line
};

}  // namespace

std::unique_ptr<Sink> make_file_sink(const fs::path& file) { return std::make_unique<FileSink>(file); }

}  // namespace scissionlite::trace
