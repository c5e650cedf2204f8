#include "server/grpc/delivery_service.h"

#include <algorithm>
#include <optional>

#include "server/call/caller_internal.h"
#include "server/grpc/call_internal.h"

namespace scissionlite::server {
namespace {

constexpr size_t kPieceBytes = 256 << 10;

void fill(const delivery::Offer& offer, delivery::Package& out) {
  out.set_name(offer.name), out.set_version(offer.version), out.set_model(offer.model), out.set_candidate(offer.candidate), out.set_tail(offer.tail);
  for (const auto& file : offer.files) {
    auto* to = out.add_files();
    to->set_path(file.path), to->set_size_bytes(file.size_bytes), to->set_sha256(file.sha256);
  }
}

/// One piece at a time: the next is read when the last has gone out.
class FetchCall final : public WritingCall<delivery::FetchRequest, delivery::FetchReply> {
 public:
  /// Gives the file that a call asks for; may throw Refusal.
  using Open = std::function<std::unique_ptr<PackageFileReader>(const std::string& identity, const delivery::FetchRequest&)>;
  /// Who calls; may throw Refusal.
  using Identify = std::function<std::string(const grpc::ServerContext&)>;
  FetchCall(const CallLoops::Place& place, FetchRoom& room, std::atomic<uint64_t>& sent_bytes, const Identify& identify, const Open& open)
      : WritingCall(place), room_(room), sent_bytes_(sent_bytes), identify_(identify), open_(open) {}
  ~FetchCall() override {
    if (place_) room_.leave(*place_);
  }

 private:
  void begin() override {
    try {
      const auto identity = identify_(context());
      if (!delivery::is_sha256(request().sha256())) throw Refusal(Code::kInvalidArgument, "sha256 is no hash of 64 lower-case hex digits");
      place_ = room_.enter(identity, &context());
      file_ = open_(identity, request());
      offset_bytes_ = request().offset_bytes();
      if (offset_bytes_ < 0 || offset_bytes_ > file_->size_bytes)
        throw Refusal(Code::kInvalidArgument, "offset_bytes is " + std::to_string(offset_bytes_) + ", expected 0 to " +
                                                  std::to_string(file_->size_bytes) + ", the size of the file");
      go_on();
    } catch (...) { finish(status_in_flight()); }
  }
  void on_written(bool ok) override {
    if (!ok) return finish({grpc::StatusCode::CANCELLED, "the caller has gone"});
    (*place_)->note_move();
    sent_bytes_ += reply_.data().size();
    try {
      go_on();
    } catch (...) { finish(status_in_flight()); }
  }
  void go_on() {
    if (offset_bytes_ == file_->size_bytes) return finish(grpc::Status::OK);
    reply_.set_data(file_->read(offset_bytes_, kPieceBytes));
    offset_bytes_ += static_cast<int64_t>(reply_.data().size());
    write(reply_);
  }
  FetchRoom& room_;
  std::atomic<uint64_t>& sent_bytes_;
  const Identify& identify_;
  const Open& open_;
  std::optional<std::list<Fetching>::iterator> place_;
  std::unique_ptr<PackageFileReader> file_;
  int64_t offset_bytes_ = 0;
  delivery::FetchReply reply_;
};

}  // namespace

std::list<Fetching>::iterator FetchRoom::enter(const std::string& identity, grpc::ServerContext* call) {
  const std::lock_guard lock(mutex_);
  const auto is_theirs = [&](const Fetching& one) { return one.identity() == identity; };
  const bool is_full = under_way_.size() >= limits_.at_once;
  if (is_full || static_cast<size_t>(std::count_if(under_way_.begin(), under_way_.end(), is_theirs)) >= limits_.of_identity) {
    const double now_us = Clock::steady().now_us();
    for (const auto& one : under_way_)
      if ((is_full || is_theirs(one)) && now_us - one.moved_us() > limits_.stalled_us) one.cancel();
    throw Refusal(Code::kUnavailable,
                  is_full ? "too many files are fetched now; retry later" : "this caller fetches too many files at once; retry later");
  }
  return under_way_.emplace(under_way_.end(), identity, call);
}

void FetchRoom::leave(std::list<Fetching>::iterator one) {
  const std::lock_guard lock(mutex_);
  under_way_.erase(one);
}

/// Who calls, which must be a device. @throws Refusal.
std::string DeliveryService::identify(const grpc::ServerContext& call) const {
  auto identity = identity_of(call, context_.tls);
  check_versions(call, /*is_device=*/true);
  return identity;
}

void DeliveryService::list(const grpc::ServerContext& call, delivery::ListReply& out) const {
  const auto identity = identify(call);
  if (!packages_.are_offered()) throw Refusal(Code::kFailedPrecondition, "this server delivers no packages; start it with --packages FOLDER");
  for (const auto& offer : packages_.offers([&](const std::string& model) { return context_.access.may_use(identity, model); }))
    fill(offer, *out.add_packages());
}

void DeliveryService::add_to(CallLoops& loops) {
  add_answered<delivery::ListRequest, delivery::ListReply>(
      loops, [this](auto... call) { RequestList(call...); }, [this](auto& call) { list(call.context(), call.response()); });
  FetchCall::Identify who = [this](const grpc::ServerContext& call) { return identify(call); };
  FetchCall::Open open = [this](const std::string& identity, const delivery::FetchRequest& request) {
    return packages_.open(request.sha256(), [&](const std::string& model) { return context_.access.may_use(identity, model); });
  };
  loops.add([this, who, open](const CallLoops::Place& place) {
    auto* call = new FetchCall(place, room_, sent_bytes_, who, open);
    RequestFetch(&call->context(), &call->request(), &call->writer(), place.queue, place.queue, call->tag());
  });
}

}  // namespace scissionlite::server
