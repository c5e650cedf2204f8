// A simulated device: a camera, one processor, the controller and breakers that `run` has. Private to simulate/.
#pragma once

#include <deque>
#include <optional>

#include "simulate/messages.h"
#include "simulate/outside.h"
#include "simulate/world.h"

namespace scissionlite::simulate {

class Device {
 public:
  Device(const WorldOptions& options, size_t number, Agenda& agenda, Mail& mail, Summary& summary);

  void start(double now_us);
  void on(const Due& due);  // kFrame to kBudget, kCheckDue to kReturn
  void receive(const Message& message, double now_us);
  void send(Message message, double now_us);  // either way over its link
  void set_link(const LinkChange& change, double now_us);
  void apply(const Happening& happening, double now_us);
  void stop_camera() { films_ = false; }
  /// At the end: nothing may be left.
  void check_done(double now_us);

 private:
  struct Image {
    uint64_t number = 0;
    double accepted_us = 0;
  };
  enum class Stage { kHead, kCall, kLocal };
  struct Current {
    Image image;
    size_t plan = 0;
    Stage stage = Stage::kHead;
    double began_us = 0, sent_us = 0, budget_us = 0, local_began_us = 0;
    uint64_t call = 0;
    bool could_be_in_time = true;   // when it was begun, by the local half
    bool edge_could_be = false;     // and by an edge that was known to be there
    std::optional<Message> held{};  // its answer, over a connection whose tail is being checked
  };
  struct Check {
    uint64_t call = 0;  // 0: none
    double sent_us = 0;
  };
  static constexpr double kWakeUpUs = 30;  // of a thread, before whatever it does
  struct Probe {
    uint64_t call = 0;
    double sent_us = 0, round_trip_us = 0, bytes = 0;
  };

  void vanish(double now_us);
  void wake(double now_us);
  void handle(const Due& due);
  void give_up(double now_us);
  void take_frame(double now_us);
  void begin(double now_us);
  void head_done(double now_us);
  void learn(double us, double own_us);
  void ask(double now_us, double budget_us);
  void answer_locally(double now_us);
  void finish(bool from_edge, bool is_error, double now_us);
  [[nodiscard]] bool edge_could_be_in_time(size_t chosen, double left_us, double now_us) const;
  void take_answer(const Message& message, double now_us);
  void take_refusal(const Message& message, double now_us);
  void start_check(size_t plan, double now_us);
  void take_check(const Message& message, double now_us);
  void lose_check(size_t plan, double now_us);
  void fall(double now_us);
  void watch(size_t plan, double now_us);
  [[nodiscard]] double check_due_us(size_t plan) const;
  void see_usable(double now_us);
  void probe(double now_us);
  void take_pong(const Message& message, double now_us);
  void violated(const std::string& what, double now_us);
  [[nodiscard]] double taking(double us) { return us * slower_ * rng_.uniform(1 - 2 * options_.noise, 1 + 2 * options_.noise) + kWakeUpUs; }
  [[nodiscard]] Message request(Message::Kind kind, size_t plan, double bytes, uint64_t call) const;

  const WorldOptions& options_;
  size_t number_;
  Agenda& agenda_;
  Mail& mail_;
  Summary& summary_;
  Rng rng_;
  control::Controller controller_;
  std::vector<control::Breaker> breakers_;  // of each plan
  std::vector<bool> usable_;
  std::vector<uint32_t> checked_;  // each plan: the connection whose tail was checked
  std::vector<Check> checks_;
  net::LinkModel up_, down_;
  Outside outside_;
  double loss_ = 0;
  bool connection_is_dead_ = false, films_ = true;
  double slower_ = 1;
  double asleep_until_us_ = -1, gone_until_us_ = -1;
  std::vector<Message> inbox_;                                         // while it sleeps
  uint64_t life_ = 0;                                                  // since it was switched on
  int64_t runs_since_slower_ = 1 << 20, runs_since_faster_ = 1 << 20;  // long enough to tell
  std::deque<Image> waiting_;
  std::optional<Current> current_;
  Probe probe_;
  uint64_t next_image_ = 1, next_call_ = 1, answered_ = 0;
};

}  // namespace scissionlite::simulate
