#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>

#include <chrono>
#include <optional>

#include "base/address.h"
#include "base/text.h"
#include "delivery.grpc.pb.h"
#include "delivery/source.h"
#include "protocol/channel_internal.h"
#include "protocol/status_internal.h"
#include "protocol/tls_internal.h"
#include "protocol/versions.h"

namespace scissionlite::delivery {
namespace {

constexpr double kFetchUs = 30e6;          // of one call: what does not move is found out, what does goes on with the next
constexpr int kLookaheadBytes = 64 << 10;  // that wait here unread: more would stand before an image on a slow link
constexpr int kLargestMessageBytes = 16 << 20;

std::chrono::system_clock::time_point in(double us) { return std::chrono::system_clock::now() + std::chrono::microseconds(static_cast<int64_t>(us)); }

Offer from_message(const Package& package) {
  Offer out{.name = package.name(),
            .version = package.version(),
            .model = package.model(),
            .candidate = package.candidate(),
            .tail = package.tail(),
            .files = {}};
  for (const auto& file : package.files()) out.files.push_back({.path = file.path(), .size_bytes = file.size_bytes(), .sha256 = file.sha256()});
  return out;
}

class GrpcSource final : public Source {
 public:
  GrpcSource(std::string address, const SourceOptions& options) : address_(std::move(address)), options_(options) {
    protocol::check_plain_text(options_.security.tls, options_.security.allows_plain_text, address_,
                               "[delivery] the edge at '" + address_ + "' is on another machine");
    tls_ = protocol::make_tls_end(options_.security.tls, protocol::Side::kClient);
    channel_.emplace(address_, [this] { return make_channel(); });
  }
  [[nodiscard]] std::string address() const override { return address_; }

  [[nodiscard]] std::vector<Offer> offers() override {
    connect();
    grpc::ClientContext context;
    context.set_deadline(in(options_.call_timeout_us));
    context.AddMetadata(protocol::kVersionsKey, to_text(protocol::kVersions));
    ListReply reply;
    const auto channel = channel_->now().channel;
    const auto status = Delivery::NewStub(channel)->List(&context, {}, &reply);
    channel_->judge(channel, status);
    check(status, "asking for its packages", options_.call_timeout_us);
    std::vector<Offer> out;
    for (const auto& package : reply.packages()) out.push_back(from_message(package));
    return out;
  }

  void fetch(const std::string& sha256, int64_t offset_bytes, const std::function<void(std::string_view)>& take,
             const std::stop_token& stop) override {
    connect();
    grpc::ClientContext context;
    context.set_deadline(in(kFetchUs));
    context.AddMetadata(protocol::kVersionsKey, to_text(protocol::kVersions));
    const std::stop_callback cancel(stop, [&] { context.TryCancel(); });
    FetchRequest request;
    request.set_sha256(sha256), request.set_offset_bytes(offset_bytes);
    const auto channel = channel_->now().channel;
    const auto reader = Delivery::NewStub(channel)->Fetch(&context, request);
    bool has_moved = false;
    for (FetchReply reply; reader->Read(&reply); has_moved = true) {
      try {
        take(reply.data());
      } catch (...) {
        context.TryCancel();
        (void)reader->Finish();
        throw;
      }
    }
    const auto status = reader->Finish();
    if (stop.stop_requested())
      throw TransportError("[delivery] " + address_ + ": ended while file " + sha256.substr(0, 12) + " was fetched", /*retryable=*/true);
    if (!has_moved) channel_->judge(channel, status);
    if (has_moved && status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) return;
    check(status, "fetching file " + sha256.substr(0, 12), kFetchUs);
  }

 private:
  [[nodiscard]] std::shared_ptr<grpc::Channel> make_channel() const {
    (void)parse_address(address_, "the edge's address");
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(kLargestMessageBytes);
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kLookaheadBytes);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
    return grpc::CreateCustomChannel(address_, protocol::client_credentials(tls_, address_), arguments);
  }
  void connect() {
    if (tls_) (void)tls_->reload(/*is_asked_for=*/false);
    if (const auto own = tls_ ? tls_->own_objection() : ""; !own.empty())
      throw TransportError("[delivery] no connection to " + address_ + ": " + own, /*retryable=*/true);
    if (protocol::wait_for_connection(*channel_->now().channel, options_.connect_timeout_us)) return;
    throw TransportError("[delivery] no connection to " + address_ + " within " + format_us(options_.connect_timeout_us) + "; " +
                             protocol::why_not_connected(channel_->now().channel, tls_.get(), "`scissionlite serve`"),
                         /*retryable=*/true);
  }
  void check(const grpc::Status& status, const std::string& doing, double deadline_us) const {
    if (status.ok()) return;
    if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED)
      throw NotOffered("[delivery] " + address_ + " delivers no packages (" + status.error_message() +
                       "); expected `scissionlite serve` with --packages");
    try {
      protocol::throw_status(status, doing, address_, deadline_us);
    } catch (const InvalidArgument& e) { throw Unusable(e.what()); }
  }

  std::string address_;
  SourceOptions options_;
  std::shared_ptr<protocol::TlsEnd> tls_;
  std::optional<protocol::ReplaceableChannel> channel_;  // made once the address is known to be allowed
};

}  // namespace

std::unique_ptr<Source> make_grpc_source(const std::string& address, const SourceOptions& options) {
  return std::make_unique<GrpcSource>(address, options);
}

}  // namespace scissionlite::delivery
