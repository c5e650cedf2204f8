#include <fcntl.h>

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
  }
  [[nodiscard]] std::string name() const override { return "file '" + file_.string() + "'"; }
  void write(const std::string& otlp_json, double) override {
    if (!write_all(fd_.get(), otlp_json + "\n")) throw ResourceError("[trace] '" + file_.string() + "' cannot be written: " + std::strerror(errno));
  }

 private:
  fs::path file_;
  Descriptor fd_;
};

}  // namespace

std::unique_ptr<Sink> make_file_sink(const fs::path& file) { return std::make_unique<FileSink>(file); }

}  // namespace scissionlite::trace
