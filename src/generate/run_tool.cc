#include "generate/run_tool.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace scissionlite::generate {
namespace {

constexpr size_t kKept = 2000;  // characters: the end says what went wrong

[[noreturn]] void become(const std::string& program, std::vector<char*>& words, int errors, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(nothing, STDIN_FILENO);
  dup2(nothing, STDOUT_FILENO);
  dup2(errors, STDERR_FILENO);
  execvp(program.c_str(), words.data());
  const char* reason = strerrordesc_np(errno);
  (void)!write(errors, reason, reason ? std::strlen(reason) : 0);
  _exit(127);
}

std::string read_end(int fd) {
  std::string text;
  char part[4096];
  for (;;) {
    const ssize_t n = read(fd, part, sizeof part);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(part, static_cast<size_t>(n));
    if (text.size() > 2 * kKept) text.erase(0, text.size() - kKept);
  }
}

}  // namespace

std::string run_tool(const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<std::string> all{program};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> words;
  for (auto& word : all) words.push_back(word.data());
  words.push_back(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return std::string("no pipe: ") + std::strerror(errno);
  const pid_t parent = getpid(), pid = fork();
  if (pid == 0) become(program, words, ends[1], parent);
  close(ends[1]);
  auto text = pid > 0 ? read_end(ends[0]) : std::string("no process: ") + std::strerror(errno);
  close(ends[0]);
  if (pid < 0) return text;
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (WIFSIGNALED(status)) text += (text.empty() ? "" : "; ") + std::string("ended by signal ") + std::to_string(WTERMSIG(status));
  return text.empty() ? "exit status " + std::to_string(WEXITSTATUS(status)) : text;
}

}  // namespace scissionlite::generate
