#include "collective/hub.h"

#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <atomic>
#include <ctime>
#include <thread>

#include "collective/hub_internal.h"
#include "collective/hub_member.h"
#include "collective/meeting.h"
#include "collective/test_members.h"
#include "hub.grpc.pb.h"
#include "protocol/test_certificates.h"
#include "protocol/tls_internal.h"

namespace scissionlite {
namespace {

HubOptions options_for(int members, double wait_s = 30) {
  HubOptions options;
  options.address = "127.0.0.1:0", options.members = members, options.wait_s = wait_s;
  return options;
}

std::unique_ptr<Collective> join(const Hub& hub, int number) {
  HubMemberOptions options;
  options.hub = "127.0.0.1:" + std::to_string(hub.port()), options.site = "site" + std::to_string(number), options.connect_s = 2;
  return join_hub(options);
}

/// A caller that does as it likes.
struct Caller {
  explicit Caller(const Hub& hub, const protocol::TlsFiles& tls = {}) {
    const auto address = "127.0.0.1:" + std::to_string(hub.port());
    stub = hub::Hub::NewStub(grpc::CreateChannel(address, protocol::client_credentials(tls, address)));
  }
  grpc::Status join(const std::string& site, grpc::ClientContext& context, hub::JoinReply& reply) const {
    hub::JoinRequest request;
    request.set_site(site), request.set_protocol(kHubProtocol);
    return stub->Join(&context, request, &reply);
  }
  /// As the member that was given `seat`.
  [[nodiscard]] grpc::Status leave(const hub::JoinReply& seat) const {
    grpc::ClientContext context;
    hub::LeaveRequest request;
    hub::LeaveReply reply;
    request.set_run(seat.run()), request.set_rank(seat.rank()), request.set_seat(seat.seat());
    return stub->Leave(&context, request, &reply);
  }
  [[nodiscard]] grpc::Status meet(const hub::JoinReply& seat) const {
    grpc::ClientContext context;
    hub::MeetRequest request;
    hub::MeetReply reply;
    request.set_run(seat.run()), request.set_rank(seat.rank()), request.set_seat(seat.seat()), request.set_kind(static_cast<int>(Round::kGather));
    return stub->Meet(&context, request, &reply);
  }
  std::unique_ptr<hub::Hub::Stub> stub;
};

/// Members in threads of their own; the names say which rank they get.
void run_sites(const Hub& hub, int members, const std::function<void(Collective&)>& member) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < members; ++i)
    threads.emplace_back([&, i] {
      const auto collective = join(hub, i);
      EXPECT_EQ(collective->rank(), i);
      member(*collective);
    });
}

TEST(Hub, GivesTheSameBits) {
  for (const int members : {1, 2, 3, 8}) {
    Hub hub(options_for(members));
    std::atomic<int> ran = 0;
    run_sites(hub, members, [&](Collective& c) {
      testing_collective::check_rounds(c);
      testing_collective::check_refusals(c);
      ++ran;
    });
    EXPECT_EQ(ran, members);
    EXPECT_TRUE(hub.wait());
    const auto sites = hub.sites();
    ASSERT_EQ(static_cast<int>(sites.size()), members);
    for (const auto& site : sites) EXPECT_TRUE(site.has_ended);
    EXPECT_GE(sites[0].bytes_received, 2 * 4 * 301004);
  }
}

/// One that goes without a word: the others go on when the time is up, with the mean of those who are left.
TEST(Hub, GoesOnWithoutOneThatIsLostAndTakesItBack) {
  Hub hub(options_for(3, 2));
  std::atomic<int> ended = 0;
  std::atomic<bool> is_alone = false;
  std::vector<std::jthread> threads;
  const auto member = [&](int i) {
    const auto c = join(hub, i);
    EXPECT_FALSE(c->is_late());
    std::vector<float> values{static_cast<float>(i)};
    c->average(values);
    EXPECT_EQ(values[0], 1.0F);
    values[0] = static_cast<float>(i);
    c->average(values);
    EXPECT_EQ(values[0], 0.5F);
    EXPECT_EQ(c->present(), (std::vector<int>{0, 1}));
    is_alone = true;
    while (!c->has_newcomers()) c->average(values);
    EXPECT_EQ(c->welcome(c->leads() ? "where we are" : ""), "where we are");
    EXPECT_EQ(c->present(), (std::vector<int>{0, 1, 2}));
    values[0] = static_cast<float>(i);
    c->average(values);
    EXPECT_EQ(values[0], 1.0F);
    const auto parts = c->gather(std::to_string(i));
    EXPECT_EQ(parts, (std::vector<std::string>{"0", "1", "2"}));
    ++ended;
  };
  threads.emplace_back([&] { member(0); });
  threads.emplace_back([&] { member(1); });
  threads.emplace_back([&] {
    {
      const auto c = join(hub, 2);
      std::vector<float> values{2.0F};
      c->average(values);
      while (!is_alone) std::this_thread::sleep_for(std::chrono::milliseconds(20));
      EXPECT_THROW(c->average(values), MemberLost);  // the others have given it up
    }
    const auto c = join(hub, 2);
    EXPECT_TRUE(c->is_late());
    EXPECT_EQ(c->rank(), 2);
    EXPECT_EQ(c->welcome(""), "where we are");
    std::vector<float> values{2.0F};
    c->average(values);
    EXPECT_EQ(values[0], 1.0F);
    EXPECT_EQ(c->gather("2")[0], "0");
    ++ended;
  });
  threads.clear();
  EXPECT_EQ(ended, 3);
  EXPECT_TRUE(hub.wait());
  EXPECT_EQ(hub.sites()[2].returns, 1);
}

TEST(Hub, RefusesStrangersAndWhatHasEnded) {
  Hub hub(options_for(1));
  {
    const auto only = join(hub, 1);
    EXPECT_NE(message_of<TransportError>([&] { (void)join(hub, 2); }).find("'site2' is none of this run's 1 members: site1"), std::string::npos);
  }
  EXPECT_TRUE(hub.wait());
  EXPECT_NE(message_of<TransportError>([&] { (void)join(hub, 1); }).find("nobody is there to take 'site1' back"), std::string::npos);
}

TEST(Hub, MembersAreToldWhenItIsNotThereOrStops) {
  HubMemberOptions options;
  options.hub = "127.0.0.1:1", options.site = "a", options.connect_s = 0.3;
  EXPECT_NE(message_of<TransportError>([&] { (void)join_hub(options); }).find("no hub at 127.0.0.1:1"), std::string::npos);
  options.site = "";
  EXPECT_NE(message_of([&] { (void)join_hub(options); }).find("give --site"), std::string::npos);
  Hub hub(options_for(2));
  std::atomic<int> told = 0;
  std::jthread stop;
  run_sites(hub, 2, [&](Collective& c) {
    std::vector<float> values(3);
    c.average(values);
    if (c.rank() == 0) return hub.stop();
    EXPECT_THROW(c.average(values), MemberLost);
    ++told;
  });
  EXPECT_EQ(told, 1);
  EXPECT_FALSE(hub.wait());
}

TEST(Hub, PlainTextToOtherMachinesIsAskedFor) {
  HubMemberOptions options;
  options.site = "a", options.connect_s = 0.2;
  for (const char* other : {"192.0.2.1:8101", "localhost.invalid:8101"}) {
    options.hub = other;
    EXPECT_NE(message_of([&] { (void)join_hub(options); }).find("give --tls-ca, --tls-cert and --tls-key, or --plain-text"), std::string::npos)
        << other;
  }
  options.allows_plain_text = true;
  EXPECT_NE(message_of<TransportError>([&] { (void)join_hub(options); }).find("no hub at localhost.invalid:8101"), std::string::npos);
}

TEST(Hub, PlainTextOnOtherAddressesIsAskedFor) {
  auto options = options_for(2);
  options.address = "0.0.0.0:0";
  EXPECT_NE(message_of([&] { Hub hub(options); }).find("give --tls-ca, --tls-cert and --tls-key, or --plain-text"), std::string::npos);
  options.allows_plain_text = true;
  EXPECT_GT(Hub(options).port(), 0);
  options.tls.key = "/nowhere";
  EXPECT_NE(message_of([&] { Hub hub(options); }).find("go together"), std::string::npos);
  Hub first(options_for(2));
  options = options_for(2);
  options.address = "127.0.0.1:" + std::to_string(first.port());
  EXPECT_NE(message_of<ResourceError>([&] { Hub hub(options); }).find("the port is taken"), std::string::npos);
}

/// Who has no certificate of the authority, or another's name, is none of the members.
TEST(Hub, KnowsMembersByTheirCertificates) {
  using namespace protocol::testing;  // NOLINT: a test
  const auto folder = fs::path(::testing::TempDir()) / ("hub-tls-" + std::to_string(getpid()));
  const auto now_s = static_cast<int64_t>(std::time(nullptr));
  const auto make = [&](const std::string& name, const MadeCertificate* by) {
    return make_certificate(
        {.name = name, .hosts = "IP:127.0.0.1", .from_s = now_s - 3600, .to_s = now_s + 3600, .use = "", .is_authority = by == nullptr}, by);
  };
  const auto plant = make("plant", nullptr), elsewhere = make("elsewhere", nullptr);
  write_file(folder / "ca.pem", pem_of(plant));
  const auto files_of = [&](const std::string& name, const MadeCertificate& by) {
    const auto made = make(name, &by);
    write_file(folder / (name + ".pem"), pem_of(made));
    write_file(folder / (name + ".key"), key_pem_of(made));
    return protocol::TlsFiles{
        .authority = folder / "ca.pem", .certificate = folder / (name + ".pem"), .key = folder / (name + ".key"), .revoked = {}};
  };
  auto options = options_for(1);
  options.tls = files_of("hub", plant);
  Hub hub(options);
  HubMemberOptions member;
  member.hub = "127.0.0.1:" + std::to_string(hub.port()), member.site = "site0", member.connect_s = 1;
  EXPECT_NE(message_of<TransportError>([&] { (void)join_hub(member); }).find("do both ends use TLS, or neither?"), std::string::npos) << "plain text";
  member.tls = files_of("spy", elsewhere);
  EXPECT_NE(message_of<TransportError>([&] { (void)join_hub(member); }).find("no hub at 127.0.0.1"), std::string::npos) << "of another authority";
  member.tls = files_of("site1", plant);
  EXPECT_NE(message_of<TransportError>([&] { (void)join_hub(member); }).find("the certificate is of 'site1', the site calls itself 'site0'"),
            std::string::npos);
  member.tls = files_of("site0", plant), member.connect_s = 20;
  {
    grpc::ClientContext context;
    hub::JoinReply seat;
    ASSERT_TRUE(Caller(hub, member.tls).join("site0", context, seat).ok());
    const Caller other(hub, files_of("site1", plant));
    for (const auto& status : {other.meet(seat), other.leave(seat)}) {
      EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
      EXPECT_EQ(status.error_message(), "[hub] the certificate is of 'site1', which speaks for 'site0'");
    }
    EXPECT_TRUE(hub.sites()[0].is_present);
  }
  {
    const auto c = join_hub(member);
    std::vector<float> values{3.0F};
    c->average(values);
    EXPECT_EQ(values[0], 3.0F);
  }
  EXPECT_TRUE(hub.wait());
  fs::remove_all(folder);
}

/// One that dies when another one has ended is not waited for.
TEST(Hub, EndsWithoutOneThatDiesAtTheEnd) {
  Hub hub(options_for(2, 0.5));
  std::unique_ptr<Collective> dead;
  std::jthread other([&] { dead = join(hub, 1); });
  auto ends = join(hub, 0);
  other.join();
  ends.reset();
  EXPECT_TRUE(hub.wait());
  EXPECT_FALSE(hub.sites()[1].has_ended);
}

/// All lose power but the hub: whoever is back first waits until the others are known to be gone, and then for them to begin again.
TEST(Hub, BeginsAnewWhenAllWereLost) {
  Hub hub(options_for(2, 0.5));
  std::unique_ptr<Collective> dead0, dead1;
  {
    std::jthread other([&] { dead1 = join(hub, 1); });
    dead0 = join(hub, 0);
  }
  const auto back = join(hub, 0);
  EXPECT_TRUE(back->is_late());
  EXPECT_THROW((void)back->welcome(""), MemberLost);
  std::vector<std::jthread> threads;
  std::atomic<int> ran = 0;
  for (int i = 0; i < 2; ++i)
    threads.emplace_back([&, i] {
      const auto c = join(hub, i);
      EXPECT_FALSE(c->is_late());
      std::vector<float> values{static_cast<float>(i)};
      c->average(values);
      EXPECT_EQ(values[0], 0.5F);
      ++ran;
    });
  threads.clear();
  EXPECT_EQ(ran, 2);
  std::vector<float> values{1};
  EXPECT_THROW(dead0->average(values), MemberLost) << "of a run that is no more: it joins again";
  dead0.reset(), dead1.reset();
  EXPECT_TRUE(hub.wait());
}

/// Both are back while each is thought to be there.
TEST(Hub, BeginsAnewWhenAllComeAnew) {
  Hub hub(options_for(2, 30));
  std::unique_ptr<Collective> dead0, dead1;
  {
    std::jthread other([&] { dead1 = join(hub, 1); });
    dead0 = join(hub, 0);
  }
  std::atomic<int> ran = 0;
  const auto work = [&](int i) {
    for (;;) try {
        const auto c = join(hub, i);
        if (c->is_late()) (void)c->welcome("");
        std::vector<float> values{static_cast<float>(i)};
        c->average(values);
        EXPECT_EQ(values[0], 0.5F);
        ++ran;
        return;
      } catch (const MemberLost&) {}
  };
  {
    std::jthread first([&] { work(0); });
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    std::jthread second([&] { work(1); });
  }
  EXPECT_EQ(ran, 2);
}

TEST(Hub, OfTwoProcessesOfASiteTheLaterOneHasTheSeat) {
  Hub hub(options_for(2));
  std::string said;
  std::jthread first([&] { said = message_of<TransportError>([&] { (void)join(hub, 0); }); });
  while (hub.sites().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  std::unique_ptr<Collective> later;
  std::jthread second([&] { later = join(hub, 0); });
  first.join();
  EXPECT_NE(said.find("another process has joined as 'site0' since"), std::string::npos) << said;
  std::jthread keeper([&] {
    const auto other = join(hub, 1);
    std::vector<float> values{1};
    while (!other->has_newcomers()) other->average(values);
    (void)other->welcome("state");
  });
  second.join();
  std::vector<float> values{0};
  later->average(values);
  EXPECT_EQ(values[0], 0.5F);
  const auto latest = join(hub, 0);
  EXPECT_EQ(latest->welcome(""), "state");
  EXPECT_NE(message_of<TransportError>([&] { later->average(values); }).find("another process has joined as 'site0' since"), std::string::npos);
}

/// Also where the earlier one waits in a round: were it told that it came too late, it would join again and take the seat back.
TEST(Hub, AProcessThatLosesItsSeatInARoundIsTold) {
  Hub hub(options_for(2));
  std::unique_ptr<Collective> earlier, other;
  {
    std::jthread second([&] { other = join(hub, 1); });
    earlier = join(hub, 0);
  }
  std::string said;
  std::jthread waits([&] {
    std::vector<float> values{0};
    said = message_of<TransportError>([&] { earlier->average(values); });
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const auto later = join(hub, 0);
  waits.join();
  EXPECT_NE(said.find("another process has joined as 'site0' since"), std::string::npos) << said;
}

/// A call that was cut off while it waited for the others gives up its own seat alone.
TEST(Hub, ACutOffJoinLeavesTheSeatOfALaterOne) {
  Hub hub(options_for(2));
  const Caller caller(hub);
  grpc::ClientContext first_context, second_context, other_context;
  hub::JoinReply first, second, other;
  std::jthread goes([&] { EXPECT_FALSE(caller.join("site0", first_context, first).ok()); });
  while (hub.sites().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  first_context.TryCancel();
  std::jthread stays([&] { EXPECT_TRUE(caller.join("site0", second_context, second).ok()); });
  std::this_thread::sleep_for(std::chrono::milliseconds(500));  // the hub has looked for the first one again
  EXPECT_EQ(hub.sites().size(), 1U);
  EXPECT_TRUE(caller.join("site1", other_context, other).ok());
  goes.join(), stays.join();
  EXPECT_EQ(second.rank(), 0);
  EXPECT_EQ(other.rank(), 1);
}

/// It cannot be taken back, and there is nothing to begin anew: the hub keeps the end of the run.
TEST(Hub, ASiteThatIsBackWhenTheOthersEndIsTold) {
  Hub hub(options_for(2));
  std::unique_ptr<Collective> dead, ends;
  {
    std::jthread other([&] { dead = join(hub, 1); });
    ends = join(hub, 0);
  }
  const auto back = join(hub, 1);
  std::string said;
  std::jthread waits([&] { said = message_of<TransportError>([&] { (void)back->welcome(""); }); });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  ends.reset();
  waits.join();
  EXPECT_NE(said.find("nobody is there to take 'site1' back: the run has ended"), std::string::npos) << said;
  EXPECT_TRUE(hub.wait());
  EXPECT_TRUE(hub.sites()[0].has_ended);
}

/// A newcomer whose call was cut off is not taken in, and one whose answer was lost gets it again.
TEST(Hub, AWelcomeIsOfThoseWhoWaitForIt) {
  Meeting meeting(2, 5, Loss::kGoesOn);
  meeting.leave(1, "it went");
  EXPECT_THROW((void)meeting.meet(1, Round::kWelcome, "", 0, [] { return true; }), TransportError);
  EXPECT_FALSE(meeting.meet(0, Round::kGather, "a", 0)->has_newcomers);
  std::shared_ptr<const RoundResult> taken_in;
  std::jthread newcomer([&] { taken_in = meeting.meet(1, Round::kWelcome, "", 0); });
  int64_t number = 1;
  while (!meeting.meet(0, Round::kGather, "a", number++)->has_newcomers) {}
  EXPECT_EQ(meeting.meet(0, Round::kWelcome, "state", number)->bytes, "state");
  newcomer.join();
  EXPECT_EQ(meeting.meet(1, Round::kWelcome, "", 0), taken_in);
  EXPECT_EQ(taken_in->bytes, "state");
}

/// A call that is made again, as its answer was lost, gets the same.
TEST(Hub, ARoundThatHasEndedIsAnsweredAgain) {
  Meeting meeting(1, 1, Loss::kGoesOn);
  const float values[] = {1.0F, 2.0F};
  const std::string_view bytes(reinterpret_cast<const char*>(values), sizeof values);
  const auto first = meeting.meet(0, Round::kMean, bytes, 0);
  EXPECT_EQ(meeting.meet(0, Round::kMean, bytes, 0), first);
  EXPECT_EQ(meeting.meet(0, Round::kGather, "x", 1)->number, 1);
  EXPECT_NE(message_of([&] { (void)meeting.meet(0, Round::kMean, bytes, 0); }).find("came to round 0, others are at 2"), std::string::npos);
  EXPECT_NE(message_of([&] { (void)meeting.meet(0, Round::kMean, bytes, 5); }).find("came to round 5, others are at 2"), std::string::npos);
}

}  // namespace
}  // namespace scissionlite
