"""The parent of environments: one lean, single-threaded process that forks on command.

Run as `python -I -S zygote.py FD`. The platform writes one JSON object a line, descriptors beside it (SCM_RIGHTS):
first the options, then commands; answers come back the same way.

    spawn {id, mode, argv, env, tmp_mb, cgroups}  + [channel, log]   → spawned {id, pid} | failed {id, error}
    fit   {id, task, opt, tmp_mb}                                    → fitted {id} | failed {id, error}
    kill  {id}                                                       → exited {id, status} once it is dead
    reap  {id}     the platform has forgotten the process id: it may be used again
"""

from __future__ import annotations

import array
import gc
import json
import os
import select
import signal
import socket
import sys
from typing import Any


def yield_to_the_platform() -> None:
    """What wakes this process goes on running, so that a platform that hands out many events is not stopped after each.

    Costs an environment no share of the processor. See sched(7) on SCHED_BATCH.
    """
    if hasattr(os, "SCHED_BATCH"):
        try:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        except OSError:
            return  # a container may forbid it


class Zygote:
    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.buffer = b""
        self.fds: list[int] = []
        self.children: dict[int, int] = {}
        self.reaped: set[int] = set()
        self.root = False
        self.owner_maps: dict[tuple[int, int], int] = {}
        self.options: dict[str, Any] = {}
        self.filter: tuple[object, object] | None = None

    def serve(self) -> None:
        self.options = self.read_lines()[0]
        self.isolated = self.options["isolation"] == "namespace"
        if self.isolated:
            import sandbox  # type: ignore[import-not-found]
            import seccomp  # type: ignore[import-not-found]

            self.sandbox, self.seccomp = sandbox, seccomp
            self.root = sandbox.enter_private_mounts()
            sandbox.build_template(self.options["root"], self.options["binds"], self.options["node_modules"])
            code = seccomp.program()
            self.filter = seccomp.prepare(code) if code else None
            self.home = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        import python_bootstrap  # type: ignore[import-not-found]

        self.bootstrap = python_bootstrap
        python_bootstrap.remember_base_modules()
        sys.path[:] = [
            self.options["sdk"],
            *(part for part in sys.path if part != os.path.dirname(os.path.abspath(__file__))),
        ]
        self.options["path"] = list(sys.path)
        for name in self.options["preload"]:
            try:
                __import__(name)
            except ImportError:
                continue
        for name in ("sandbox", "seccomp", "python_bootstrap", "python_redirect", "python_retired"):
            sys.modules.pop(name, None)
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
        os.set_blocking(wake_write, False)
        os.set_blocking(wake_read, False)
        self.wakeup = (wake_read, wake_write)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the platform's to handle
        self.poll = select.poll()
        self.poll.register(self.control, select.POLLIN)
        self.poll.register(wake_read, select.POLLIN)
        gc.collect()
        gc.freeze()
        self.say({"op": "ready", "root": self.root})
        while True:
            for fd, _ in self.poll.poll():
                if fd == wake_read:
                    self.find_dead()
                else:
                    for command in self.read_lines():
                        self.obey(command)

    def read_lines(self) -> list[dict[str, Any]]:
        while True:
            data, ancillary, _, _ = self.control.recvmsg(65536, socket.CMSG_SPACE(64 * 4))
            for level, kind, packed in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds = array.array("i")
                    fds.frombytes(packed[: len(packed) - len(packed) % fds.itemsize])
                    self.fds.extend(fds)
            if not data:
                self.end()
            *lines, self.buffer = (self.buffer + data).split(b"\n")
            if lines:
                return [json.loads(line) for line in lines]

    def end(self) -> None:
        """The platform is gone: nothing may stay behind."""
        for key, pid in self.children.items():
            if key not in self.reaped:
                self.signal_tree(pid)
        os._exit(0)

    def signal_tree(self, pid: int) -> None:
        for send in (os.killpg, os.kill):
            try:
                send(pid, signal.SIGKILL)
            except OSError:
                continue

    def say(self, message: dict[str, Any]) -> None:
        self.control.sendall(json.dumps(message).encode() + b"\n")

    def obey(self, command: dict[str, Any]) -> None:
        try:
            getattr(self, "do_" + command["op"])(command)
        except OSError as error:
            self.say({"op": "failed", "id": command["id"], "error": str(error)})

    def do_spawn(self, command: dict[str, Any]) -> None:
        channel, log = self.fds.pop(0), self.fds.pop(0)
        try:
            if self.isolated:
                if self.root:
                    os.fchown(log, self.sandbox.ENVIRONMENT_UID, self.sandbox.ENVIRONMENT_UID)
                box = self.sandbox
                pid = box.clone(box.NEWNS | box.NEWPID | box.NEWIPC | box.NEWUTS)
            else:
                pid = os.fork()
            if pid == 0:
                self.become(command, channel, log)
        finally:
            os.close(channel)
            os.close(log)
        self.children[command["id"]] = pid
        self.say({"op": "spawned", "id": command["id"], "pid": pid})

    def become(self, command: dict[str, Any], channel: int, log: int) -> None:
        """In the child: everything from here to the first event. Never returns."""
        status = 70
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            os.setsid()
            yield_to_the_platform()
            for directory in command.get("cgroups") or ():
                try:
                    os.makedirs(directory, exist_ok=True)
                    with open(f"{directory}/cgroup.procs", "w") as stream:
                        stream.write("0")
                except OSError:
                    continue
            # Descriptors above the ones wanted first, so that no dup2 overwrites one still needed.
            high_channel, high_log = os.dup(channel), os.dup(log)
            while high_channel < 4 or high_log < 4:
                high_channel, high_log = os.dup(high_channel), os.dup(high_log)
            null = os.open("/dev/null", os.O_RDONLY)
            os.dup2(null, 0)
            os.dup2(high_log, 1)
            os.dup2(high_log, 2)
            os.dup2(high_channel, 3)
            os.closerange(4, 512)
            if self.isolated:
                self.sandbox.enter_root(self.options["root"], command.get("tmp_mb") or 512, self.options["binds"])
                self.sandbox.drop_privileges(self.root)
            if sys.platform == "linux":
                if self.isolated:
                    self.sandbox.die_with_parent()
                else:
                    self.bootstrap.die_with_parent()
            if self.filter is not None:
                self.seccomp.install(self.sandbox.libc, self.filter)
            mode = command["mode"]
            if mode == "exec":
                os.execve(command["argv"][0], command["argv"], command["env"])
            elif mode == "custom":
                self.bootstrap.run_custom(3)
            else:
                gc.enable()
                if command.get("rehearse"):
                    self.bootstrap.rehearse()
                self.bootstrap.run(3, self.options)
            status = 0
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else 1
        except BaseException as error:
            os.write(2, f"environment could not start: {type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(status)

    def do_fit(self, command: dict[str, Any]) -> None:
        if not self.isolated:
            self.say({"op": "fitted", "id": command["id"]})
            return
        box = self.sandbox
        pid = self.children[command["id"]]
        trees = [
            (box.tree(command[key], self.owner_map_of(command[key])), target)
            for key, target in (("task", "/var/task"), ("opt", "/opt"))
            if command.get(key)
        ]
        inside = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        try:
            box.set_namespace(inside)
            for fd, target in trees:
                box.attach(fd, target)
            if command.get("tmp_mb"):
                box.resize_tmp(command["tmp_mb"])
        finally:
            box.set_namespace(self.home)
            os.close(inside)
        self.say({"op": "fitted", "id": command["id"]})

    def owner_map_of(self, path: str) -> int | None:
        """Only root may show files under another owner; without that the caller's own user runs the code anyway."""
        if not self.root:
            return None
        status = os.stat(path)
        key = (status.st_uid, status.st_gid)
        if key not in self.owner_maps:
            try:
                self.owner_maps[key] = self.sandbox.owner_map(*key)
            except OSError:
                self.owner_maps[key] = -1
        fd = self.owner_maps[key]
        return fd if fd >= 0 else None

    def do_kill(self, command: dict[str, Any]) -> None:
        pid = self.children.get(command["id"])
        if pid is not None and command["id"] not in self.reaped:
            self.signal_tree(pid)

    def do_reap(self, command: dict[str, Any]) -> None:
        pid = self.children.pop(command["id"], None)
        self.reaped.discard(command["id"])
        if pid is not None:
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                return  # reaped already

    def find_dead(self) -> None:
        try:
            os.read(self.wakeup[0], 4096)
        except BlockingIOError:
            return
        for key, pid in self.children.items():
            if key in self.reaped:
                continue
            # The process id stays taken until the platform says that it has forgotten it.
            done = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if done is None:
                continue
            self.reaped.add(key)
            if not self.isolated:
                self.signal_tree(pid)  # what it started must not outlive it
            status = done.si_status if done.si_code == os.CLD_EXITED else -done.si_status
            self.say({"op": "exited", "id": key, "status": status})


if __name__ == "__main__":
    descriptor = int(sys.argv[1])
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    os.set_inheritable(descriptor, False)
    Zygote(socket.socket(fileno=descriptor)).serve()
