#include "collective/hub.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "collective/collective.h"
#include "collective/hub_internal.h"
#include "collective/meeting.h"
#include "hub.grpc.pb.h"
#include "protocol/tls_internal.h"

namespace scissionlite {
namespace {

constexpr int kLeastPing_ms = 5000, kPing_ms = 10000;

std::string random_name() {
  std::random_device device;
  std::string out;
  for (int i = 0; i < 4; ++i) out += std::to_string(device()) + (i < 3 ? "." : "");
  return out;
}

grpc::Status to_status(const std::exception& error) {
  if (dynamic_cast<const MemberLost*>(&error)) return {grpc::StatusCode::ABORTED, error.what()};
  if (dynamic_cast<const InvalidArgument*>(&error)) return {grpc::StatusCode::INVALID_ARGUMENT, error.what()};
  return {grpc::StatusCode::INTERNAL, error.what()};
}

}  // namespace

struct Hub::Impl final : hub::Hub::Service {
  explicit Impl(const HubOptions& given) : options(given) {
    if (options.members < 1) throw InvalidArgument("[hub] " + std::to_string(options.members) + " members; expected at least 1");
    protocol::check_plain_text(options.tls, options.allows_plain_text, options.address,
                               "[hub] '" + options.address + "' is an address that others reach");
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(static_cast<int>(std::min<int64_t>(options.largest_bytes + 1024, INT32_MAX)));
    builder.SetMaxSendMessageSize(INT32_MAX);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kLeastPing_ms);
    for (const char* time : {GRPC_ARG_KEEPALIVE_TIME_MS, GRPC_ARG_KEEPALIVE_TIMEOUT_MS})
      builder.AddChannelArgument(time, kPing_ms);  // a caller whose connection died without a word is gone
    builder.AddListeningPort(options.address, protocol::server_credentials(options.tls), &port);
    builder.RegisterService(this);
    server = builder.BuildAndStart();
    if (!server || port <= 0)
      throw ResourceError("[hub] cannot listen on " + options.address +
                          ": the port is taken, the address is not one of this machine, or key and certificate do not belong together");
  }

  ~Impl() override {
    stop();
    server->Shutdown(std::chrono::system_clock::now());
  }

  grpc::Status Join(grpc::ServerContext* context, const hub::JoinRequest* request, hub::JoinReply* reply) override {
    const auto& name = request->site();
    const auto certified = protocol::name_of_peer(*context);
    if (request->protocol() != kHubProtocol)
      return {grpc::StatusCode::FAILED_PRECONDITION, "[hub] the member speaks version " + std::to_string(request->protocol()) + ", the hub " +
                                                         std::to_string(kHubProtocol) + ": let both be the same release"};
    if (name.empty()) return {grpc::StatusCode::FAILED_PRECONDITION, "[hub] a site has no name"};
    if (options.tls.are_given() && certified != name)
      return {grpc::StatusCode::PERMISSION_DENIED, "[hub] the certificate is of '" + certified + "', the site calls itself '" + name + "'"};
    std::unique_lock lock(mutex);
    if (meeting && had_joined(name)) {
      meeting->leave(rank_of(name), "it came anew");
      if (!meeting->present().empty() || has_one_ended()) return come_back(name, *reply);
      forget_run();
    }
    if (!meeting && by_name.size() < static_cast<size_t>(options.members)) by_name.emplace(name, Site{.told = {.name = name}});
    const auto found = by_name.find(name);
    if (found == by_name.end())
      return {grpc::StatusCode::FAILED_PRECONDITION,
              "[hub] '" + name + "' is none of this run's " + std::to_string(options.members) + " members: " + names()};
    const uint64_t seat = found->second.seat = ++seats;
    if (!meeting && by_name.size() == static_cast<size_t>(options.members)) begin();
    else if (!meeting) log::info("[hub] '" + name + "' has come, " + std::to_string(by_name.size()) + " of " + std::to_string(options.members));
    changed.notify_all();
    while (!meeting && !is_stopping && has_seat(name, seat)) {
      changed.wait_for(lock, kLookAgain);
      if (meeting || !context->IsCancelled() || !has_seat(name, seat)) continue;
      by_name.erase(name);
      return {grpc::StatusCode::CANCELLED, "[hub] it went before the others came"};
    }
    if (!has_seat(name, seat)) return taken(name);
    if (!meeting) return {grpc::StatusCode::UNAVAILABLE, "[hub] it was stopped"};
    joined.insert(name);
    fill(name, /*is_late=*/false, *reply);
    return grpc::Status::OK;
  }

  grpc::Status Meet(grpc::ServerContext* context, const hub::MeetRequest* request, hub::MeetReply* reply) override {
    std::shared_ptr<Meeting> there;
    if (const auto status = find(*context, *request, there); !status.ok()) return status;
    if (request->kind() < 0 || request->kind() > static_cast<int>(Round::kWelcome))
      return {grpc::StatusCode::INVALID_ARGUMENT, "[hub] a round of kind " + std::to_string(request->kind())};
    std::shared_ptr<const RoundResult> result;
    const Call call(*this);
    try {
      result = there->meet(request->rank(), static_cast<Round>(request->kind()), request->values(), request->number(),
                           [&] { return context->IsCancelled(); });
    } catch (const MemberLost& lost) { return answer_of_lost(*request, there, lost); } catch (const std::exception& error) {
      return to_status(error);
    }
    reply->set_number(result->number), reply->set_values(result->bytes), reply->set_has_newcomers(result->has_newcomers);
    for (const int rank : result->present) reply->add_present(rank);
    const std::lock_guard lock(mutex);
    if (there != meeting) return grpc::Status::OK;
    note_presence();
    auto& told = site_of(request->rank()).told;
    ++told.rounds, told.bytes_received += static_cast<int64_t>(request->values().size()),
        told.bytes_sent += static_cast<int64_t>(result->bytes.size());
    return grpc::Status::OK;
  }

  grpc::Status Leave(grpc::ServerContext* context, const hub::LeaveRequest* request, hub::LeaveReply*) override {
    std::shared_ptr<Meeting> there;
    if (const auto status = find(*context, *request, there); !status.ok()) return status;
    const std::lock_guard lock(mutex);  // those who wait are told when it is known how it left
    there->leave(request->rank(), request->why());
    if (there != meeting) return grpc::Status::OK;
    auto& told = site_of(request->rank()).told;
    told.has_ended = request->is_end();
    if (!told.has_ended) log::warning("[hub] '" + told.name + "' left: " + request->why());
    note_presence();
    changed.notify_all();
    return grpc::Status::OK;
  }

  void stop() {
    const std::lock_guard lock(mutex);
    is_stopping = true;
    if (meeting) meeting->close("the hub was stopped");
    changed.notify_all();
  }

  /// Members end at about the same time: one that is not heard of once another one has ended is not waited for.
  bool wait() {
    std::unique_lock lock(mutex);
    while (!is_stopping && !(meeting && joined.size() == by_name.size() && calls == 0 && meeting->present().empty())) {
      changed.wait_for(lock, kLookAgain);
      if (!meeting || !has_one_ended()) continue;
      meeting->leave_silent();
      note_presence();
    }
    return !is_stopping && has_one_ended();
  }

  [[nodiscard]] std::vector<HubSite> sites() const {
    const std::lock_guard lock(mutex);
    std::vector<HubSite> out;
    const auto there = meeting ? meeting->present() : std::vector<int>();
    for (const auto& [name, site] : by_name) {
      out.push_back(site.told);
      out.back().is_present = !meeting || std::count(there.begin(), there.end(), static_cast<int>(out.size()) - 1) > 0;
    }
    return out;
  }

  struct Site {
    HubSite told;
    uint64_t seat = 0;
  };
  /// While it lives, the hub is not at its end.
  class Call {
   public:
    explicit Call(Impl& hub) : hub_(hub) {
      const std::lock_guard lock(hub_.mutex);
      ++hub_.calls;
    }
    ~Call() {
      const std::lock_guard lock(hub_.mutex);
      --hub_.calls;
    }

   private:
    Impl& hub_;
  };

  /// The rest is called with `mutex` held.
  [[nodiscard]] std::string names() const {
    std::vector<std::string> out;
    for (const auto& [name, site] : by_name) out.push_back(name);
    return join(out);
  }
  [[nodiscard]] bool had_joined(const std::string& name) const { return joined.count(name) > 0; }
  void begin() {
    meeting = std::make_shared<Meeting>(options.members, options.wait_s, Loss::kGoesOn);
    log::info("[hub] all have come: " + names());
    changed.notify_all();
  }
  grpc::Status come_back(const std::string& name, hub::JoinReply& reply) {
    if (meeting->present().empty()) return ended(name);
    auto& site = by_name.at(name);
    site.seat = ++seats, ++site.told.returns, site.told.has_ended = false;
    log::info("[hub] '" + name + "' is back and waits for the others");
    fill(name, /*is_late=*/true, reply);
    return grpc::Status::OK;
  }
  [[nodiscard]] int rank_of(const std::string& name) const { return static_cast<int>(std::distance(by_name.begin(), by_name.find(name))); }
  void fill(const std::string& name, bool is_late, hub::JoinReply& reply) const {
    reply.set_run(run), reply.set_rank(rank_of(name)), reply.set_members(options.members), reply.set_is_late(is_late),
        reply.set_wait_s(options.wait_s), reply.set_seat(by_name.at(name).seat);
  }
  void note_presence() {
    const auto there = meeting->present();
    int rank = 0;
    for (auto& [name, site] : by_name) {
      const bool is_there = std::count(there.begin(), there.end(), rank++) > 0;
      if (site.told.is_present && !is_there && !site.told.has_ended) log::warning("[hub] '" + name + "' is lost; the others go on");
      site.told.is_present = is_there;
    }
  }
  [[nodiscard]] bool has_one_ended() const {
    return std::any_of(by_name.begin(), by_name.end(), [](const auto& one) { return one.second.told.has_ended; });
  }
  [[nodiscard]] bool has_seat(const std::string& name, uint64_t seat) const { return by_name.count(name) > 0 && by_name.at(name).seat == seat; }
  [[nodiscard]] static grpc::Status taken(const std::string& name) {
    return {grpc::StatusCode::ALREADY_EXISTS,
            "[hub] another process has joined as '" + name + "' since: one that has taken this one's place, or two sites with the same --site"};
  }
  [[nodiscard]] static grpc::Status ended(const std::string& name) {
    return {grpc::StatusCode::FAILED_PRECONDITION,
            "[hub] nobody is there to take '" + name + "' back: the run has ended; for another one stop the hub and start it again"};
  }
  Site& site_of(int rank) { return std::next(by_name.begin(), rank)->second; }

  /// All members are gone, and one is back that nobody can tell where the run is: it begins again when all have come, from their checkpoints.
  void forget_run() {
    log::warning("[hub] nobody is left of the run; it begins anew when all " + std::to_string(options.members) + " members have come");
    earlier.insert(std::exchange(run, random_name()));
    meeting.reset(), joined.clear(), by_name.clear();
  }

  // The rest locks for itself.

  /// To a member that is told that it joins again: not where another process has its seat, which it would take back, nor where the run has ended.
  grpc::Status answer_of_lost(const hub::MeetRequest& request, const std::shared_ptr<Meeting>& there, const MemberLost& lost) {
    const std::lock_guard lock(mutex);
    if (there != meeting) return to_status(lost);
    const auto& site = site_of(request.rank());
    if (site.seat != request.seat()) return taken(site.told.name);
    if (request.kind() != static_cast<int>(Round::kWelcome) || is_stopping || !meeting->present().empty()) return to_status(lost);
    if (has_one_ended()) return ended(site.told.name);
    forget_run();
    return to_status(lost);
  }

  /// @param request  of a member, with its run, rank and seat.
  template <typename Request>
  grpc::Status find(const grpc::ServerContextBase& context, const Request& request, std::shared_ptr<Meeting>& there) {
    const std::lock_guard lock(mutex);
    if (earlier.count(request.run()) > 0) return {grpc::StatusCode::ABORTED, "[hub] all members were lost, and the run begins anew"};
    if (!meeting || request.run() != run || request.rank() < 0 || request.rank() >= options.members)
      return {grpc::StatusCode::FAILED_PRECONDITION,
              "[hub] it has begun anew and knows nothing of this run: start all members again, they go on from their checkpoints"};
    const auto& site = site_of(request.rank());
    if (options.tls.are_given() && protocol::name_of_peer(context) != site.told.name)
      return {grpc::StatusCode::PERMISSION_DENIED,
              "[hub] the certificate is of '" + protocol::name_of_peer(context) + "', which speaks for '" + site.told.name + "'"};
    if (site.seat != request.seat()) return taken(site.told.name);
    there = meeting;
    return grpc::Status::OK;
  }

  HubOptions options;
  std::string run = random_name();
  std::set<std::string> earlier;  // runs of which nobody was left
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, Site> by_name;  // in the order of ranks, once all have come
  uint64_t seats = 0;                   // given so far
  int calls = 0;                        // to rounds, that are under way
  std::set<std::string> joined;         // whose Join was answered
  std::shared_ptr<Meeting> meeting;     // from then on
  bool is_stopping = false;
  int port = 0;
  std::unique_ptr<grpc::Server> server;
};

Hub::Hub(const HubOptions& options) : impl_(std::make_unique<Impl>(options)) {}
Hub::~Hub() = default;
int Hub::port() const { return impl_->port; }
bool Hub::wait() { return impl_->wait(); }
void Hub::stop() { impl_->stop(); }
std::vector<HubSite> Hub::sites() const { return impl_->sites(); }
int64_t Hub::rounds() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->meeting ? impl_->meeting->round() : 0;
}

}  // namespace scissionlite
