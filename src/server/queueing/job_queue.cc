#include "server/queueing/job_queue.h"

#include <algorithm>

#include "base/text.h"
#include "server/call/retry_hint.h"

namespace scissionlite::server {
namespace {

bool fit_together(const Job& a, const Job& b) {
  if (a.is_probe || b.is_probe) return false;
  for (size_t i = 0; i < a.inputs.size(); ++i) {
    const auto &x = a.inputs[i].shape(), &y = b.inputs[i].shape();
    if (a.inputs[i].dtype() != b.inputs[i].dtype() || x.size() != y.size() || !std::equal(x.begin() + 1, x.end(), y.begin() + 1)) return false;
  }
  return true;
}

constexpr double kWeightOfNew = 0.3;

/// Requests that take less of their time than this say nothing of how well waiting is foretold.
constexpr double kShareThatCounts = 0.5;

/// How many take requests.
int64_t count_of(const std::vector<Busy>& executables) {
  return std::max<int64_t>(1, std::count_if(executables.begin(), executables.end(), [](const Busy& busy) { return !busy.is_out; }));
}

/// Of a run foretold to take `expected_ns` that is at it for `since_ns`: one that takes far longer may do so for as long again.
int64_t left_ns(int64_t expected_ns, int64_t since_ns) {
  if (since_ns <= 2 * expected_ns) return std::max<int64_t>(0, expected_ns - since_ns);
  return since_ns - expected_ns;
}

int64_t urgency(const std::shared_ptr<Job>& job) {
  return job->deadline_ns ? std::min(*job->deadline_ns, job->queued_ns + JobQueue::kPatienceNs) : job->queued_ns + JobQueue::kPatienceNs;
}

}  // namespace

/// Of runs one after the other.
int64_t JobQueue::runs_ns(size_t jobs, int64_t items, int64_t now_ns) const {
  if (jobs == 0) return 0;
  if (!options_.combine) return static_cast<int64_t>(jobs) * times_.predict_ns(std::max<int64_t>(1, items / static_cast<int64_t>(jobs)), now_ns);
  const int64_t rest = items % options_.max_batch;
  return items / options_.max_batch * times_.predict_ns(options_.max_batch, now_ns) + (rest > 0 ? times_.predict_ns(rest, now_ns) : 0);
}

/// Until an executable is free and all of the first `ahead` have run.
int64_t JobQueue::wait_ns(size_t ahead, const std::vector<Busy>& executables, int64_t now_ns) const {
  int64_t free_in_ns = INT64_MAX, items = 0;
  for (const auto& busy : executables) {
    if (busy.is_out) continue;
    free_in_ns = std::min(free_in_ns, busy.since_ns == 0 ? 0 : left_ns(times_.predict_ns(busy.items, now_ns), now_ns - busy.since_ns));
  }
  for (size_t i = 0; i < ahead; ++i) items += waiting_[i]->batch;
  return free_in_ns + runs_ns(ahead, items, now_ns) / count_of(executables);
}

bool JobQueue::is_late(const Job& job, int64_t answered_ns) const { return job.deadline_ns && answered_ns >= *job.deadline_ns; }

/// Until all that waits has run; of a model that nothing is known of, by how long the runs under way have taken already.
double JobQueue::hint_us(const std::vector<Busy>& executables, int64_t now_ns) const {
  auto under_way_ns = static_cast<int64_t>(kFirstGuessUs * 1e3);
  for (const auto& busy : executables)
    if (busy.since_ns > 0) under_way_ns = std::max(under_way_ns, now_ns - busy.since_ns);
  const bool is_known = times_.predict_ns(1, now_ns) > 0;
  const int64_t wait =
      is_known ? wait_ns(waiting_.size(), executables, now_ns) : (1 + static_cast<int64_t>(waiting_.size()) / count_of(executables)) * under_way_ns;
  return retry_hint_us(static_cast<double>(wait) * 1e-3);
}

bool JobQueue::hangs(const Busy& busy, int64_t now_ns) const { return busy.since_ns > 0 && now_ns - busy.since_ns > options_.hang_ns; }

/// None that takes requests is well.
bool JobQueue::all_hang(const std::vector<Busy>& executables, int64_t now_ns) const {
  return !executables.empty() &&
         std::all_of(executables.begin(), executables.end(), [&](const Busy& busy) { return busy.is_out || hangs(busy, now_ns); });
}

JobQueue::Refused JobQueue::why_hung(const std::vector<Busy>& executables, int64_t now_ns) const {
  return {Code::kUnavailable,
          "the engine hangs: a run has taken longer than " + format_us(static_cast<double>(options_.hang_ns) * 1e-3) + " (--hang-secs)",
          hint_us(executables, now_ns)};
}

JobQueue::Refused JobQueue::push(const std::shared_ptr<Job>& job, const std::vector<Busy>& executables, int64_t now_ns) {
  for (const auto& busy : executables)
    if (busy.since_ns > 0 && !busy.is_out && !busy.is_probe && now_ns - busy.since_ns <= options_.hang_ns)
      times_.run_is_under_way(busy.since_ns, now_ns);
  if (!job->is_probe && all_hang(executables, now_ns)) return why_hung(executables, now_ns);
  if (waiting_.size() >= options_.queue_size)
    return {Code::kUnavailable, "the queue is full with " + std::to_string(waiting_.size()) + " requests", hint_us(executables, now_ns)};
  job->queued_ns = now_ns;
  const auto place =
      std::upper_bound(waiting_.begin(), waiting_.end(), urgency(job), [](int64_t key, const auto& other) { return key < urgency(other); });
  const auto ahead = static_cast<size_t>(place - waiting_.begin());
  // Together with what is ahead of it where that makes a batch: the answer comes when all of it has run.
  int64_t items = job->batch;
  for (size_t i = 0; i < ahead; ++i) items += waiting_[i]->batch;
  const int64_t run = times_.predict_ns(job->batch, now_ns);
  const int64_t free_in_ns = wait_ns(0, executables, now_ns);
  const int64_t expected_ns =
      free_in_ns + static_cast<int64_t>(stretch_ * static_cast<double>(runs_ns(ahead + 1, items, now_ns) / count_of(executables)));
  const double reserve = free_in_ns > 0 || ahead > 0 ? reserve_.factor() : 1;  // an idle engine may try: nobody waits behind it
  const int64_t answered_ns = now_ns + static_cast<int64_t>(reserve * static_cast<double>(expected_ns));
  if (run > 0 && is_late(*job, answered_ns)) {
    const std::string deadline = "its deadline is in " + format_us(static_cast<double>(*job->deadline_ns - now_ns) * 1e-3) + ", and ";
    if (is_late(*job, now_ns + run)) return {Code::kDeadlineExceeded, deadline + "a run takes " + format_us(static_cast<double>(run) * 1e-3)};
    return {Code::kUnavailable,
            deadline + "with " + std::to_string(ahead) + " requests ahead it would be answered in " +
                format_us(static_cast<double>(answered_ns - now_ns) * 1e-3),
            static_cast<double>(std::max(answered_ns - *job->deadline_ns, run)) * 1e-3};
  }
  job->expected_ns = expected_ns;
  waiting_.insert(place, job);
  return {};
}

void JobQueue::learn_reserve(const Job& job, int64_t answered_ns) {
  if (job.deadline_ns &&
      static_cast<double>(job.expected_ns) >= kShareThatCounts * static_cast<double>(*job.deadline_ns - job.queued_ns) / reserve_.factor())
    reserve_.add(job.expected_ns, answered_ns - job.queued_ns);
}

void JobQueue::ran(const Jobs& jobs, int64_t items, int64_t run_ns, int64_t now_ns) {
  run_reserve_.add(times_.predict_ns(items, now_ns), run_ns);
  times_.add(items, run_ns, now_ns);
  for (const auto& job : jobs) learn_reserve(*job, now_ns);
}

bool JobQueue::remove(const std::shared_ptr<Job>& job) {
  const auto it = std::find(waiting_.begin(), waiting_.end(), job);
  if (it == waiting_.end()) return false;
  waiting_.erase(it);
  return true;
}

/// kOk where it may go on waiting.
JobQueue::Refused JobQueue::why_dead(const Job& job, const std::vector<Busy>& executables, int64_t now_ns) const {
  if (job.is_cancelled()) return {Code::kCancelled, "the request was cancelled while it waited"};
  if (is_late(job, now_ns + times_.predict_ns(job.batch, now_ns)))
    return {Code::kDeadlineExceeded, "the deadline passed while the request waited, or would pass before it is answered"};
  if (!job.is_probe && all_hang(executables, now_ns)) return why_hung(executables, now_ns);
  if (options_.queue_timeout_ns > 0 && !job.is_probe && now_ns - job.queued_ns >= options_.queue_timeout_ns)
    return {Code::kUnavailable,
            "it has waited for the " + format_us(static_cast<double>(options_.queue_timeout_ns) * 1e-3) +
                " that a request may (--max-queue-age-secs, or the model's default_queue_policy)",
            hint_us(executables, now_ns)};
  return {};
}

std::vector<JobQueue::Dead> JobQueue::take_dead(const std::vector<Busy>& executables, int64_t now_ns) {
  std::vector<Dead> dead;
  for (const auto& job : waiting_)
    if (auto why = why_dead(*job, executables, now_ns); why.code != Code::kOk) dead.push_back({job, std::move(why)});
  for (const auto& [job, why] : dead)
    if (why.code == Code::kDeadlineExceeded) learn_reserve(*job, now_ns + times_.predict_ns(job->batch, now_ns));
  auto next = dead.begin();  // both are in the same order
  std::erase_if(waiting_, [&](const auto& job) { return next != dead.end() && job == next->job && (++next, true); });
  return dead;
}

/// kOk where it may go on running.
JobQueue::Refused JobQueue::why_dead_at_run(const Job& job, const Busy& busy, const std::vector<Busy>& executables, int64_t now_ns) const {
  if (job.is_probe || job.is_finished()) return {};
  if (job.is_given_up()) return {Code::kCancelled, "the request was given up while it ran"};
  if (is_late(job, now_ns)) return {Code::kDeadlineExceeded, "the deadline passed while the request ran"};
  if (hangs(busy, now_ns)) return why_hung(executables, now_ns);
  return {};
}

std::vector<JobQueue::Dead> JobQueue::dead_at_run(const std::vector<Busy>& executables, int64_t now_ns) const {
  std::vector<Dead> dead;
  for (const auto& busy : executables)
    for (size_t i = 0; busy.jobs && i < busy.jobs->size(); ++i)
      if (auto why = why_dead_at_run(*(*busy.jobs)[i], busy, executables, now_ns); why.code != Code::kOk)
        dead.push_back({(*busy.jobs)[i], std::move(why)});
  return dead;
}

/// What would run with the first.
JobQueue::Group JobQueue::group(int64_t now_ns) const {
  Group out{.members = {0}, .items = waiting_.front()->batch, .items_at_hand = waiting_.front()->batch};
  bool is_in_time = true;
  for (size_t i = 1; options_.combine && i < waiting_.size() && out.items_at_hand < options_.max_batch; ++i) {
    const int64_t items = out.items_at_hand + waiting_[i]->batch;
    if (items > options_.max_batch || !fit_together(*waiting_.front(), *waiting_[i])) continue;
    out.items_at_hand = items;
    is_in_time = is_in_time && !is_late(*waiting_.front(),
                                        now_ns + static_cast<int64_t>(run_reserve_.factor() * static_cast<double>(times_.predict_ns(items, now_ns))));
    if (!is_in_time) continue;
    out.members.push_back(i);
    out.items = items;
  }
  return out;
}

/// Batches cut short by deadlines cost more an item. What is let in has to count with that, or deadlines come ever nearer and batches become ever
/// shorter.
void JobQueue::learn_stretch(const Group& run, int64_t now_ns) {
  const auto an_item = [&](int64_t items) {
    return static_cast<double>(times_.predict_ns(items, now_ns)) / static_cast<double>(std::max<int64_t>(1, items));
  };
  const double whole = an_item(run.items_at_hand);
  const double ratio = whole > 0 ? std::max(1.0, an_item(run.items) / whole) : 1;
  stretch_ += kWeightOfNew * (ratio - stretch_);
}

/// That a request of a batch of `items` waits for others at most: half of what its deadline leaves, since runs and threads are not on time either.
int64_t JobQueue::longest_delay_ns(const Job& job, int64_t items, int64_t now_ns) const {
  if (!job.deadline_ns) return INT64_MAX;
  const auto run_ns = static_cast<int64_t>(run_reserve_.factor() * static_cast<double>(times_.predict_ns(items, now_ns)));
  return std::max<int64_t>(0, (*job.deadline_ns - job.queued_ns - run_ns) / 2);
}

/// The largest preferred size within reach; 0 when there is none yet.
int64_t JobQueue::size_to_run(int64_t items) const {
  if (options_.preferred.empty()) return items >= options_.max_batch ? items : 0;
  int64_t best = 0;
  for (const int64_t size : options_.preferred)
    if (size <= items) best = std::max(best, size);
  return best;
}

/// Down to at most `limit` items, in the order that they have.
void JobQueue::shorten(Group& group, int64_t limit) const {
  int64_t items = 0;
  size_t kept = 0;
  while (kept < group.members.size() && items + waiting_[group.members[kept]]->batch <= limit) items += waiting_[group.members[kept++]]->batch;
  group.members.resize(std::max<size_t>(kept, 1));
}

Jobs JobQueue::take(const Group& group) {
  Jobs jobs;
  for (const size_t i : group.members) jobs.push_back(waiting_[i]);
  for (auto i = group.members.rbegin(); i != group.members.rend(); ++i) waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(*i));
  return jobs;
}

JobQueue::Next JobQueue::next(bool is_stopping, int64_t now_ns) {
  if (waiting_.empty()) return {};
  const auto found = group(now_ns);
  auto run = found;
  if (options_.combine && !is_stopping) {
    const auto& first = *waiting_.front();
    const int64_t run_at_ns = first.queued_ns + std::min(options_.max_delay_ns, longest_delay_ns(first, found.items, now_ns));
    if (const int64_t size = size_to_run(found.items); size > 0) shorten(run, size);
    else if (run_at_ns > now_ns) return {.jobs = {}, .again_ns = run_at_ns};
  }
  learn_stretch(found, now_ns);
  return {.jobs = take(run), .again_ns = 0};
}

int64_t JobQueue::oldest_wait_ns(int64_t now_ns) const {
  int64_t oldest_ns = now_ns;
  for (const auto& job : waiting_) oldest_ns = std::min(oldest_ns, job->queued_ns);
  return now_ns - oldest_ns;
}

}  // namespace scissionlite::server
