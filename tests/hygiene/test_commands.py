"""Every command of a program explains itself: --help with an example that parses, and a place in the README.
  test_commands.py PROGRAM [NAME TABLE COUNT]     of scissionlite and src/cli/commands.inc, with 10 commands at least"""
import re
import shlex
import subprocess
import sys
import unittest

import tree

PROGRAM = sys.argv.pop(1)
NAME, TABLE, COUNT = (sys.argv.pop(1), sys.argv.pop(1), int(sys.argv.pop(1))) if len(sys.argv) > 3 else ("scissionlite", "src/cli/commands.inc", 10)
COMMANDS = re.findall(r'^SCISSIONLITE_COMMAND\((\w+), "([^"]+)", "([^"]+)"\)', tree.read(TABLE), re.M)


def run(*words):
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=30)


class Commands(unittest.TestCase):
    def test_table_is_understood(self):
        self.assertEqual(len(COMMANDS), tree.read(TABLE).count("SCISSIONLITE_COMMAND("))
        self.assertGreaterEqual(len(COMMANDS), COUNT)

    def test_program_lists_all_of_them(self):
        shown = run("--help")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        for name, line, _ in COMMANDS:
            self.assertRegex(shown.stdout, rf"(?m)^\s*{name}\s", f"`{NAME} --help` does not list {name}")
            self.assertIn(" ".join(line.split()), " ".join(shown.stdout.split()))

    def test_help_has_an_example(self):
        for name, _, example in COMMANDS:
            with self.subTest(name):
                shown = run(name, "--help")
                self.assertEqual(shown.returncode, 0, shown.stderr)
                self.assertIn(example, " ".join(shown.stdout.split()))
                self.assertEqual(example.split()[:2], [NAME, name])

    def test_example_uses_options_that_help_lists(self):
        for name, _, example in COMMANDS:
            listed = set(re.findall(r"(?<![\w-])--?[\w-]+", run(name, "--help").stdout.replace(example, "")))
            for word in shlex.split(example)[2:]:
                if word.startswith("-"):
                    self.assertIn(word, listed, f"the example of {name}: {example}")

    def test_unknown_option_is_refused(self):
        for name, _, _ in COMMANDS:
            refused = run(name, "--no-such-option")
            self.assertNotIn(refused.returncode, (0, 70), name)
            self.assertTrue(refused.stderr.strip(), name)

    def test_readme_mentions_each(self):
        if not (tree.ROOT / "README.md").exists():
            self.skipTest("no README.md yet")
        readme = tree.read("README.md")
        missing = [name for name, _, _ in COMMANDS if not re.search(rf"scissionlite(?:-train)? {name}\b|`{name}`", readme)]
        self.assertEqual(missing, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
