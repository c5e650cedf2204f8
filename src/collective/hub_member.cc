#include "collective/hub_member.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <exception>
#include <functional>
#include <thread>

#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "collective/hub_internal.h"
#include "hub.grpc.pb.h"
#include "protocol/tls_internal.h"

namespace scissionlite {
namespace {

constexpr double kFirstPause_s = 0.2, kLongestPause_s = 5, kLonger_s = 30;
constexpr int kPing_ms = 10000;

class HubMember final : public Collective {
 public:
  explicit HubMember(const HubMemberOptions& options) : options_(options), stub_(hub::Hub::NewStub(channel())) {
    if (options.site.empty()) throw InvalidArgument("[collective] a member of a hub has a name; give --site");
    protocol::check_plain_text(options.tls, options.allows_plain_text, options.hub,
                               "[collective] the hub at '" + options.hub + "' is on another machine");
    hub::JoinRequest request;
    request.set_site(options.site), request.set_protocol(kHubProtocol);
    call("to join", 0, [&](grpc::ClientContext& context) { return stub_->Join(&context, request, &joined_); });
    for (int rank = 0; rank < joined_.members(); ++rank) present_.push_back(rank);
  }
  ~HubMember() override {
    hub::LeaveRequest request;
    hub::LeaveReply reply;
    request.set_run(joined_.run()), request.set_rank(joined_.rank()), request.set_seat(joined_.seat()),
        request.set_is_end(std::uncaught_exceptions() == 0), request.set_why(request.is_end() ? "it has ended" : "it stopped with an error");
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
    (void)stub_->Leave(&context, request, &reply);
  }
  [[nodiscard]] int rank() const override { return joined_.rank(); }
  [[nodiscard]] int size() const override { return joined_.members(); }
  [[nodiscard]] int size_here() const override { return 1; }
  [[nodiscard]] std::vector<int> present() const override { return present_; }
  [[nodiscard]] bool is_apart() const override { return true; }
  [[nodiscard]] bool is_late() const override { return joined_.is_late(); }
  [[nodiscard]] bool has_newcomers() const override { return has_newcomers_; }

 protected:
  [[nodiscard]] std::string exchange(Round round, std::string_view mine) override {
    hub::MeetRequest request;
    hub::MeetReply reply;
    request.set_run(joined_.run()), request.set_rank(joined_.rank()), request.set_seat(joined_.seat()), request.set_number(next_),
        request.set_kind(static_cast<int>(round)), request.set_values(mine.data(), mine.size());
    const bool waits_long = is_late() && next_ == 0;  // until the others' next average
    call(std::string("to a ") + round_name(round), waits_long ? 0 : 2 * joined_.wait_s() + kLonger_s,
         [&](grpc::ClientContext& context) { return stub_->Meet(&context, request, &reply); });
    next_ = reply.number() + 1, has_newcomers_ = reply.has_newcomers();
    present_.assign(reply.present().begin(), reply.present().end());
    return std::move(*reply.mutable_values());
  }

 private:
  std::shared_ptr<grpc::Channel> channel() const {
    (void)parse_address(options_.hub, "the hub's address");
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(INT32_MAX), arguments.SetMaxSendMessageSize(INT32_MAX);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kPing_ms), arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPing_ms);
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, static_cast<int>(kLongestPause_s * 1000));
    return grpc::CreateCustomChannel(options_.hub, protocol::client_credentials(options_.tls, options_.hub), arguments);
  }

  /// Again and again while the hub cannot be reached. @param limit_s  of a call; 0: none.
  void call(const std::string& doing, double limit_s, const std::function<grpc::Status(grpc::ClientContext&)>& once) {
    double failing_since_us = 0;
    for (double pause_s = kFirstPause_s;; pause_s = std::min(kLongestPause_s, 2 * pause_s)) {
      grpc::ClientContext context;
      if (limit_s > 0) context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(static_cast<int64_t>(limit_s * 1000)));
      const double called_us = Clock::steady().now_us();
      const auto status = once(context);
      if (status.ok()) return;
      if (status.error_code() != grpc::StatusCode::UNAVAILABLE) fail(doing, status);
      const double now_us = Clock::steady().now_us();
      if (failing_since_us == 0 || now_us - called_us > 1e6 * options_.connect_s)
        failing_since_us = called_us, pause_s = kFirstPause_s;  // it broke after a long wait: counts anew
      if (now_us - failing_since_us > 1e6 * options_.connect_s && now_us - called_us < 1e6 * options_.connect_s)
        throw TransportError("[collective] no hub at " + options_.hub + " within " + format_fixed(options_.connect_s, 0) + " s (" +
                                 status.error_message() + "); is `scissionlite-train hub` running there, and do both ends use TLS, or neither?",
                             /*retryable=*/true);
      if (pause_s == kFirstPause_s)
        log::warning("[collective] the hub at " + options_.hub + " cannot be reached (" + status.error_message() + "); trying again");
      std::this_thread::sleep_for(std::chrono::duration<double>(pause_s));
    }
  }
  [[noreturn]] void fail(const std::string& doing, const grpc::Status& status) {
    if (status.error_code() == grpc::StatusCode::ABORTED) throw MemberLost({rank()}, status.error_message());
    if (status.error_code() == grpc::StatusCode::INVALID_ARGUMENT) {  // the round has ended, for all
      ++next_;
      throw InvalidArgument(status.error_message());
    }
    throw TransportError("[collective] the hub at " + options_.hub + " was called " + doing + ": " + status.error_message(), /*retryable=*/false);
  }

  HubMemberOptions options_;
  std::unique_ptr<hub::Hub::Stub> stub_;
  hub::JoinReply joined_;
  int64_t next_ = 0;  // number of the round to come
  bool has_newcomers_ = false;
  std::vector<int> present_;
};

}  // namespace

std::unique_ptr<Collective> join_hub(const HubMemberOptions& options) { return std::make_unique<HubMember>(options); }

}  // namespace scissionlite
