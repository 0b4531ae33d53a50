"""Code that tries to reach out: the network, what is not given to it, the terminal, the kernel, its own verdict."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest
from tests.runtime.sandbox.support import HONEST, body

from guerdon.runtime.sandbox.local import LocalSandbox
from guerdon.runtime.sandbox.protocol import CaseOutcome as Case
from guerdon.runtime.sandbox.protocol import FunctionJob, Limits, StdioJob

# network

NETWORK = {
    "tcp": "socket.create_connection(('127.0.0.1', x['tcp']), 1)",
    "udp": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', x['udp']))",
    "internet": "socket.create_connection(('1.1.1.1', 53), 1)",
    "dns": "socket.getaddrinfo('example.com', 80)",
    "raw": "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)",
    "packet": "socket.socket(17, socket.SOCK_RAW)",
    "vsock": "socket.socket(40, socket.SOCK_STREAM)",
    "unix": "socket.socket(socket.AF_UNIX).connect(x['path'])",
    "abstract": "socket.socket(socket.AF_UNIX).connect('\\0guerdon-test')",
    "pair of another kind": "socket.socketpair(socket.AF_INET, socket.SOCK_DGRAM)",
    "pair, then another address": "a, b = socket.socketpair(); a.connect(x['path'])",
    "io_uring": "r = ctypes.CDLL(None, use_errno=True).syscall(425, 8, ctypes.create_string_buffer(120))\n"
    "if r < 0: raise PermissionError(ctypes.get_errno(), 'io_uring')",
}


@pytest.fixture(scope="module")
def listeners(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("net") / "line")
    tcp, udp, unix, abstract = (
        socket.socket(),
        socket.socket(type=socket.SOCK_DGRAM),
        socket.socket(1),
        socket.socket(1),
    )
    for s, address in ((tcp, ("127.0.0.1", 0)), (udp, ("127.0.0.1", 0)), (unix, path), (abstract, "\0guerdon-test")):
        s.bind(address)
        s.setblocking(False)
        if s is not udp:
            s.listen()
    yield {"tcp": tcp.getsockname()[1], "udp": udp.getsockname()[1], "path": path}, (tcp, unix, abstract), udp
    for s in (tcp, udp, unix, abstract):
        s.close()


@pytest.mark.parametrize("name", NETWORK)
def test_no_line_out(ask, listeners, name):
    where, listening, udp = listeners
    result = ask(body(NETWORK[name] + "\nreturn 'reached'"), where, seconds=3.0)
    assert result.outcome is Case.RAISED, result
    assert result.error.split(":")[0] in ("PermissionError", "gaierror"), result
    for s in listening:
        with pytest.raises(BlockingIOError):
            s.accept()
    with pytest.raises(BlockingIOError):
        udp.recv(1)


def test_honest_use_of_pairs_still_works(ask):
    source = body("import asyncio\nasync def g(): return x + 1\nreturn asyncio.run(g())")
    assert ask(source, 1, seconds=3.0).value == 2


# reading what is not for it

SNOOP = """
import gc, os, sys
def f(x):
    lines = []
    seen = [repr(dict(os.environ)), repr(sys.argv), repr(sys.path), repr(sys.orig_argv)]
    frame = sys._getframe()
    while frame:
        seen.append(repr(dict(frame.f_locals))[:100_000] + repr(list(frame.f_globals))[:100_000])
        frame = frame.f_back
    for thing in [t for t in gc.get_objects() if t is not seen]:
        parts = thing.items() if type(thing) is dict else [thing] if type(thing) in (list, tuple, set) else []
        for part in parts:
            seen += [p[:200] for p in part if type(p) is str]
            seen += [q[:200] for p in part if type(p) in (list, tuple) for q in p if type(q) is str]
    for fd in range(4, 1024):
        try:
            os.set_blocking(fd, False)
            seen.append(repr(os.read(fd, 10_000)))
            lines.append(fd)
        except OSError:
            pass
    for folder in ('/proc', '/sys', '/root', '/home', '/work', '/etc', '/var', '/mnt', '/run', '/dev/shm', x):
        for where, _, names in os.walk(folder):
            for name in names:
                if where.startswith(os.path.dirname(os.__file__)):
                    continue  # the standard library
                try:
                    seen.append(where + name + open(os.path.join(where, name), errors='replace').read(1000))
                except OSError:
                    pass
    for name in ('/proc/1/environ', '/proc/1/cmdline', '/proc/self/mem', '/proc/self/maps', '/proc/self/fd/3'):
        try:
            seen.append(f'{name} {open(name, "rb").read(10_000)!r}')
        except OSError:
            pass
    print(' '.join(seen)[:50_000])
    return lines, ' '.join(seen)[-1_500_000:]
"""


def test_nothing_that_is_not_given_can_be_read(tmp_path, monkeypatch):
    secret = "quagga" + "-4711"
    monkeypatch.setenv("EXPECTED", secret)
    (tmp_path / "tests.py").write_text(f"assert f(1) == {secret!r}")
    tmp_path.chmod(0o777)
    inherited = os.open(tmp_path / "tests.py", os.O_RDONLY)
    os.set_inheritable(inherited, True)
    held = {"expected": [secret]}
    limits = Limits(10.0, 400, output_bytes=1 << 17)
    with LocalSandbox(lanes=1) as box:
        if box.level != 3:
            pytest.skip(f"no isolation of level 3 here: {box.reason}")
        job = FunctionJob(SNOOP, "f", [{"args": [str(tmp_path)]}, {"args": [f"next-{secret}"]}], limits)
        results = box.run(job).cases
    os.close(inherited)
    assert held["expected"] == [secret]
    first, second = results
    assert first.outcome is Case.RETURNED, first
    lines, text = first.value
    assert len(text) > 10_000  # it did look around
    assert secret not in text + first.stdout + first.error
    assert secret in second.value[1]  # the next input, which the first process never had
    assert lines == []  # no descriptor but its own


def test_another_run_cannot_be_seen(ask):
    found = ask(body("return os.getpid(), [p for p in range(1, 500) if alive(p)]",
                     "import os\ndef alive(p):\n    try: os.kill(p, 0)\n    except ProcessLookupError: return False\n"
                     "    return True"))  # fmt: skip
    assert found.value == (1, [1])
    assert ask(body("os.kill(-1, 9); return 'alive'")).outcome in (Case.RAISED, Case.RETURNED)


# output

NASTY = "a\x00\x1b[2J\x1b]0;title\x07\u202eevil\u2066\r\x9b31m"


def test_endless_output_is_cut_at_its_cap(ask, execute):
    for source in ("while True: print('x' * 1000)", "import sys\nwhile True: sys.stderr.write('x' * 1000)"):
        result = execute(source, seconds=5.0, output_bytes=10_000)
        assert result.outcome is Case.TOO_LARGE
        assert len(result.stdout) + len(result.stderr) == 10_000
    result = ask(body("while True: os.write(1, b'x' * 100_000)"), seconds=5.0, output_bytes=10_000)
    assert (result.outcome, result.error) == (Case.TOO_LARGE, "it wrote more than 10000 bytes")


def test_a_line_of_a_gigabyte_costs_us_nothing(execute):
    def peak() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) << 10

    Path("/proc/self/clear_refs").write_text("5")  # sets the peak back to the present size
    before = peak()
    source = "import os\nx = b'x' * (1 << 20)\nfor _ in range(1024): os.write(1, x)"
    result = execute(source, seconds=10.0, output_bytes=1 << 20)
    assert result.outcome is Case.TOO_LARGE
    assert len(result.stdout) == 1 << 20
    assert peak() - before < (1 + 10) << 20


def test_what_is_shown_holds_no_control(ask, execute):
    source = f"import sys\ndef f(x):\n    print({NASTY!r})\n    raise ValueError({NASTY!r})"
    result = ask(source, 1)
    assert result.stdout == "a\\x00\\x1b[2J\\x1b]0;title\\x07\\u202eevil\\u2066\\r\\x9b31m\n"
    assert result.error == "ValueError: " + result.stdout.rstrip("\n")
    result = execute(f"import sys; print({NASTY!r}); sys.stderr.write({NASTY!r}); sys.exit(0)")
    assert result.stdout == NASTY + "\n"  # exact, because a test compares it
    assert all(c.isprintable() for c in result.stderr)


def test_bytes_that_are_no_text_and_values_with_controls(ask, execute):
    assert execute("import os; os.write(1, b'ok\\xff\\xc3')").stdout == "ok\\xff\\xc3"
    assert ask(f"def f(x): return {NASTY!r}", 1).value == NASTY
    assert ask("def f(x): print('\\ud800')", 1).error.startswith("UnicodeEncodeError")
    assert ask("def f(x): return '\\ud800'", 1).value == "\ud800"


# ways out

PROBES = {
    "mount": "call('mount', b'x', b'/box', b'tmpfs', 0, None)",
    "umount": "call('umount2', b'/proc', 2)",
    "remount": "call('mount', None, b'/', None, 32 | 4096, None)",
    "chroot": "os.chroot('/box')",
    "pivot_root": "raw(155, b'/box', b'/box')",
    "open_tree": "raw(428, -100, b'/', 1)",
    "fsopen": "raw(430, b'tmpfs', 0)",
    "user name space": "call('unshare', 0x10000000)",
    "user name space by clone": "raw(56, 0x10000000 | 17, 0, 0, 0, 0)",
    "user name space by clone3": "raw(435, ctypes.create_string_buffer(b'\\0\\0\\0\\x10' + bytes(84)), 88)",
    "mount name space": "call('unshare', 0x20000)",
    "setns": "raw(308, 0, 0)",
    "ptrace": "call('ptrace', 0, 0, 0, 0)",
    "memory of another": "raw(310, 1, 0, 0, 0, 0, 0)",
    "keys": "raw(250, 0, -3, 1, 0, 0)",
    "add a key": "raw(248, b'user', b'n', b'v', 1, -3)",
    "bpf": "raw(321, 0, ctypes.create_string_buffer(64), 64)",
    "perf": "raw(298, ctypes.create_string_buffer(128), 0, -1, -1, 0)",
    "userfaultfd": "raw(323, 0)",
    "memory file": "os.memfd_create('x')",
    "shared memory": "raw(29, 0, 4096, 0o1600)",
    "message queue": "raw(240, b'q', 66, 0o600, 0)",
    "handles of files": "raw(304, -100, ctypes.create_string_buffer(64), 0)",
    "kernel module": "raw(313, 0, b'', 0)",
    "reboot": "raw(169, 0xfee1dead, 672274793, 0, 0)",
    "clock": "time.clock_settime(time.CLOCK_REALTIME, 0)",
    "host name": "socket.sethostname('x')",
    "kernel log": "raw(103, 3, ctypes.create_string_buffer(100), 100)",
    "32-bit calls": "raw(0x40000000 + 39)",
    "another filter": "call('prctl', 22, 2, 0, 0, 0)",
    "root": "os.setuid(0)",
    "groups": "os.setgroups([0])",
    "priority": "os.nice(-5)",
    "real time": "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))",
    "more memory": "import resource; resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    "kernel settings": "open('/proc/sys/kernel/hostname', 'w').write('x')",
    "user spaces again": "open('/proc/sys/user/max_user_namespaces', 'w').write('9')",
    "a disk": "open('/dev/vda', 'rb').read(1)",
    "terminal": "open('/dev/tty', 'w').write('x')",
    "a device": "os.mknod('/box/null', 0o20666, 0x103)",
}
PROBE_HEAD = """
import ctypes, os, socket, time
libc = ctypes.CDLL(None, use_errno=True)
def check(r):
    if r < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return r
def call(name, *args): return check(getattr(libc, name)(*args))
def raw(*args): return check(libc.syscall(*args))
"""


@pytest.mark.parametrize("name", PROBES)
def test_no_way_out(ask, name):
    if os.uname().machine != "x86_64":
        pytest.skip("the numbers of these calls are those of x86_64")
    result = ask(body(PROBES[name] + "\nreturn 'done'", PROBE_HEAD), seconds=2.0)
    assert result.outcome is Case.RAISED, result
    assert (
        "Function not implemented" in result.error
        or any(w in result.error for w in ("PermissionError", "[Errno 1]", "No such file", "not allowed", "[Errno 30]"))
        or (name in ("root", "groups") and "[Errno 22]" in result.error)
    ), result  # there is no such user here


def test_programs_with_the_set_user_bit_do_not_help(ask):
    found = ask(body("return [p for d in ('/bin', '/usr/bin', '/sbin', '/usr/sbin') if os.path.isdir(d)"
                     " for p in os.listdir(d) if os.stat(os.path.join(d, p)).st_mode & 0o6000]"))  # fmt: skip
    assert found.value == []
    made = ask(
        body("open('s', 'w').close(); os.chmod('s', 0o4755); return os.geteuid() != 0, os.statvfs('.').f_flag & 2")
    )
    assert made.value == (True, 2)  # and the folder honours no such bit
    status = ask(body("libc = ctypes.CDLL(None); return libc.prctl(39, 0, 0, 0, 0), libc.prctl(21, 0, 0, 0, 0),"
                      " [c for c in range(41) if libc.prctl(23, c, 0, 0, 0) != 0]"))  # fmt: skip
    assert status.value == (1, 2, [])  # no new privileges, filtered, no capability left


# forged replies

FORGED = {
    "junk": "os.write(3, b'\\xff' * 1000)",
    "a huge frame": "os.write(3, b'\\xff\\xff\\xff\\xff' + bytes(8))",
    "another boot line": "import struct, json\nb = b'{\"boot\": 1}'\nos.write(3, struct.pack('>IQ', len(b), 0) + b)",
    "a reply with a guessed number": 'import struct\nb = b\'{"outcome": "returned"}\\n1\\n\'\n'
    "os.write(3, struct.pack('>IQ', len(b), 1) + b)",
    "closed line": "os.close(3)",
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_reply_is_no_value(ask, name):
    result = ask(body(FORGED[name] + "\nreturn 1"))
    assert result.outcome is Case.CRASHED, result


def test_the_code_cannot_call_itself_unscored(ask):
    source = """
import gc, sys, struct, json, os
def f(x):
    frame = sys._getframe()
    while frame and 'number' not in frame.f_locals: frame = frame.f_back
    body = json.dumps({'outcome': 'unavailable', 'error': 'sorry'}).encode()
    os.write(3, struct.pack('>IQ', len(body), frame.f_locals['number']) + body)
    while True: pass
"""
    result = ask(source, 1, seconds=2.0)
    assert result.outcome is Case.CRASHED
    assert result.theirs


@pytest.mark.parametrize(
    "text",
    [
        "import json; json.dumps = lambda *a, **k: '1'; json.loads = None",
        "import builtins; builtins.type = lambda x: int; builtins.repr = None",
        "os.write = os.read = None",
        "sys.modules.clear()",
        "sys.stdout = None; sys.stderr = 3",
    ],
)
def test_what_it_breaks_in_its_own_process_is_its_own_loss(ask, text):
    result = ask(body(text + "\nreturn 7"), 1)
    assert (result.outcome, result.value) == (Case.RETURNED, 7) or result.theirs, result


def test_two_hundred_honest_runs_all_succeed_beside_the_attacks(box):
    jobs = [FunctionJob(HONEST, "f", [{"args": [i]} for i in range(50)], Limits(5.0, 100)) for _ in range(4)]
    results = []
    threads = [threading.Thread(target=lambda j=j: results.append(box.run(j))) for j in jobs]
    bad = threading.Thread(target=lambda: box.run(StdioJob("while True: print(1)", [{}], Limits(0.3, 50))))
    for t in (*threads, bad):
        t.start()
    for t in (*threads, bad):
        t.join()
    assert [[c.value for c in r.cases] for r in results] == [[2 * i for i in range(50)]] * 4
