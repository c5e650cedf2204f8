#include "api/internal.h"
#include "server/server.h"

namespace scissionlite::api {

struct Edge::Impl {
  server::Server server;
  bool is_stopped = false;
};

Edge::Edge(const EdgeOptions& options) {
  at_border([&] {
    if (options.repositories.empty()) throw InvalidArgument("[edge] no repository; give the folder that `prepare` wrote");
    if (options.port < 0 || options.port > 65535)
      throw InvalidArgument("[edge] port " + std::to_string(options.port) + "; expected 0 (any free one) to 65535");
    server::ServerOptions job;
    job.model_repository = options.repositories;
    job.host = options.host;
    job.grpc_port = options.port;
    job.engine = options.engine;
    job.threads = options.threads;
    job.security = internal(options.security);
    job.access = options.access;
    impl_ = std::unique_ptr<Impl>(new Impl{.server = server::Server(job)});
    impl_->server.start();
  });
}
Edge::~Edge() = default;
Edge::Edge(Edge&&) noexcept = default;
Edge& Edge::operator=(Edge&&) noexcept = default;

std::string Edge::address() const { return impl_->server.address(); }

std::vector<std::string> Edge::models() const {
  return at_border([&] { return impl_->server.models(); });
}

void Edge::stop(double drain_deadline_us) {
  at_border([&] {
    if (!std::exchange(impl_->is_stopped, true)) impl_->server.shutdown(drain_deadline_us);
  });
}

}  // namespace scissionlite::api
