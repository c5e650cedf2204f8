#include "server/grpc/delivery_service.h"

#include <algorithm>
#include <optional>

#include "server/call/caller_internal.h"
#include "server/call/refusal_internal.h"

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
class FetchCall final : public grpc::ServerWriteReactor<delivery::FetchReply> {
 public:
  FetchCall(FetchRoom& room, std::atomic<uint64_t>& sent_bytes) : room_(room), sent_bytes_(sent_bytes) {}
  /// @param open  gives the file; may throw Refusal.
  void start(const std::string& identity, grpc::CallbackServerContext* call, const std::function<std::unique_ptr<PackageFileReader>()>& open,
             int64_t offset_bytes) {
    try {
      place_ = room_.enter(identity, call);
      file_ = open();
      if (offset_bytes < 0 || offset_bytes > file_->size_bytes)
        throw Refusal(Code::kInvalidArgument, "offset_bytes is " + std::to_string(offset_bytes) + ", expected 0 to " +
                                                  std::to_string(file_->size_bytes) + ", the size of the file");
      offset_bytes_ = offset_bytes;
      write();
    } catch (...) { Finish(status_in_flight()); }
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return Finish({grpc::StatusCode::CANCELLED, "the caller has gone"});
    (*place_)->note_move();
    sent_bytes_ += reply_.data().size();
    try {
      write();
    } catch (...) { Finish(status_in_flight()); }
  }
  void OnDone() override {
    if (place_) room_.leave(*place_);
    delete this;
  }

 private:
  void write() {
    if (offset_bytes_ == file_->size_bytes) return Finish(grpc::Status::OK);
    reply_.set_data(file_->read(offset_bytes_, kPieceBytes));
    offset_bytes_ += static_cast<int64_t>(reply_.data().size());
    StartWrite(&reply_);
  }
  FetchRoom& room_;
  std::atomic<uint64_t>& sent_bytes_;
  std::optional<std::list<Fetching>::iterator> place_;
  std::unique_ptr<PackageFileReader> file_;
  int64_t offset_bytes_ = 0;
  delivery::FetchReply reply_;
};

}  // namespace

std::list<Fetching>::iterator FetchRoom::enter(const std::string& identity, grpc::CallbackServerContext* call) {
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

grpc::ServerUnaryReactor* DeliveryService::List(grpc::CallbackServerContext* call, const delivery::ListRequest*, delivery::ListReply* out) {
  auto* reactor = call->DefaultReactor();
  grpc::Status status;
  try {
    const auto identity = identity_of(*call, context_.tls);
    check_versions(*call, /*is_device=*/true);
    if (!packages_.are_offered()) throw Refusal(Code::kFailedPrecondition, "this server delivers no packages; start it with --packages FOLDER");
    for (const auto& offer : packages_.offers([&](const std::string& model) { return context_.access.may_use(identity, model); }))
      fill(offer, *out->add_packages());
  } catch (...) { status = status_in_flight(); }
  reactor->Finish(status);
  return reactor;
}

grpc::ServerWriteReactor<delivery::FetchReply>* DeliveryService::Fetch(grpc::CallbackServerContext* call, const delivery::FetchRequest* request) {
  auto* reactor = new FetchCall(room_, sent_bytes_);
  std::string identity;
  try {
    identity = identity_of(*call, context_.tls);
    check_versions(*call, /*is_device=*/true);
    if (!delivery::is_sha256(request->sha256())) throw Refusal(Code::kInvalidArgument, "sha256 is no hash of 64 lower-case hex digits");
  } catch (...) {
    reactor->Finish(status_in_flight());
    return reactor;
  }
  reactor->start(
      identity, call,
      [&] { return packages_.open(request->sha256(), [&](const std::string& model) { return context_.access.may_use(identity, model); }); },
      request->offset_bytes());
  return reactor;
}

}  // namespace scissionlite::server
