"""Namespaces, the private root and the loss of privileges: what makes a forked child an isolated environment.

The zygote builds one *template* root (a tmpfs with read-only binds) in a mount namespace of its own. A child is
cloned with new mount, pid, ipc and uts namespaces, pivots into its copy of the template, and mounts what is private
(/proc, /tmp, /dev/shm). Code and layers are attached later, from outside, through `attach`: a waiting child never
sees the host.

Mounts use the descriptor calls of Linux 5.12 (open_tree, move_mount, mount_setattr); older kernels raise OSError here,
and the platform falls back to plain processes.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import socket
import struct

MACHINE = platform.machine()
_CLONE, _PIVOT_ROOT = {"x86_64": (56, 155)}.get(MACHINE, (220, 41))
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID = 0x00020000, 0x04000000, 0x08000000, 0x10000000, 0x20000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT, _MS_BIND, _MS_REC = 1, 2, 4, 8, 32, 4096, 16384
_MS_PRIVATE, _MNT_DETACH = 1 << 18, 2
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV, _ATTR_IDMAP = 1, 2, 4, 0x00100000
_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE = -100, 0x1000, 0x8000
ENVIRONMENT_UID = 60993

libc = ctypes.CDLL(None, use_errno=True)
# clone returns twice: the interpreter's lock must be held across it, hence PyDLL.
_pylibc = ctypes.PyDLL(None, use_errno=True)
_syscall = libc.syscall
_syscall.restype = ctypes.c_long
_pylibc.syscall.restype = ctypes.c_long


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    _check(
        libc.mount(
            source.encode(), target.encode(), kind.encode() if kind else None, flags, data.encode() if data else None
        ),
        f"mount {target}",
    )


def clone(flags: int) -> int:
    """fork() into new namespaces: 0 in the child, its process id in the parent."""
    api = ctypes.pythonapi
    api.PyOS_BeforeFork()
    pid = int(_pylibc.syscall(_CLONE, flags | signal.SIGCHLD, 0, 0, 0, 0))
    if pid == 0:
        api.PyOS_AfterFork_Child()
        return 0
    number = ctypes.get_errno()
    api.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(number, f"clone: {os.strerror(number)}")
    return pid


def tree(path: str, owner_map: int | None = None) -> int:
    """A detached read-only copy of the mount at `path` (its submounts too), as a descriptor to attach elsewhere.

    With `owner_map` (a user namespace's descriptor) the files' owner is shown as the environment's user, so that a
    developer's private files can be read; where the file system cannot do that they keep their owner.
    """
    fd = _check(_syscall(_OPEN_TREE, _AT_FDCWD, path.encode(), 1 | os.O_CLOEXEC | _AT_RECURSIVE), f"open_tree {path}")
    try:
        _setattr(fd, _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV, 0)
        if owner_map is not None:
            try:
                _setattr(fd, _ATTR_IDMAP, owner_map)
            except OSError:
                return fd  # an overlay or network file system: modes as they are
    except BaseException:
        os.close(fd)
        raise
    return fd


def _setattr(fd: int, attributes: int, userns: int) -> None:
    packed = struct.pack("=QQQQ", attributes, 0, 0, userns)
    _check(_syscall(_MOUNT_SETATTR, fd, b"", _AT_EMPTY_PATH | _AT_RECURSIVE, packed, len(packed)), "mount_setattr")


def attach(fd: int, target: str) -> None:
    """Attach a tree at a path of the current mount namespace, and close it."""
    try:
        _check(_syscall(_MOVE_MOUNT, fd, b"", _AT_FDCWD, target.encode(), 4), f"move_mount {target}")
    finally:
        os.close(fd)


def set_namespace(fd: int) -> None:
    _check(libc.setns(fd, 0), "setns")


def owner_map(owner: int, group: int) -> int:
    """A user namespace that shows files of `owner` as the environment's user; for `tree`."""
    ready, done = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            libc.unshare(NEWUSER)
            os.write(ready[1], b"1")
            os.close(done[1])
            os.read(done[0], 1)
        finally:
            os._exit(0)
    try:
        os.read(ready[0], 1)
        for name, inside in (("uid_map", owner), ("gid_map", group)):
            with open(f"/proc/{pid}/{name}", "w") as stream:
                stream.write(f"{inside} {ENVIRONMENT_UID} 1")
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        for fd in (*ready, *done):
            os.close(fd)
        os.waitpid(pid, 0)


def enter_private_mounts() -> bool:
    """Give this process mounts of its own; without privileges through a user namespace. True if root."""
    root = os.geteuid() == 0
    if root:
        _check(libc.unshare(NEWNS), "unshare")
    else:
        uid, gid = os.getuid(), os.getgid()
        _check(libc.unshare(NEWUSER | NEWNS), "unshare")
        with open("/proc/self/setgroups", "w") as stream:
            stream.write("deny")
        for name, number in (("uid_map", uid), ("gid_map", gid)):
            with open(f"/proc/self/{name}", "w") as stream:
                stream.write(f"{number} {number} 1")
    mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    return root


def build_template(root: str, binds: list[list[str]], node_modules: str) -> None:
    """Build the root directory that all children share, read-only, at `root`. `binds` are (source, target) paths."""
    mount("dayfly", root, "tmpfs", _MS_NOSUID | _MS_NODEV, "size=16m,mode=755")
    for name in (
        "proc",
        "dev",
        "dev/shm",
        "dev/pts",
        "tmp",
        "etc",
        "var",
        "var/task",
        "var/runtime",
        "opt",
        "run",
        "sys",
        "mnt",
    ):
        os.makedirs(f"{root}/{name}", 0o755, exist_ok=True)
    for name in ("bin", "sbin", "lib", "lib64", "lib32", "libx32"):
        if os.path.islink(f"/{name}"):
            os.symlink(os.readlink(f"/{name}"), f"{root}/{name}")
        elif os.path.isdir(f"/{name}"):
            _bind(root, f"/{name}")
    _bind(root, "/usr")
    _etc(root)
    for name in ("null", "zero", "full", "random", "urandom"):
        open(f"{root}/dev/{name}", "w").close()
        mount(f"/dev/{name}", f"{root}/dev/{name}", None, _MS_BIND)
    for name, target in (
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ):
        os.symlink(target, f"{root}/dev/{name}")
    os.symlink("/tmp", f"{root}/var/tmp")
    # Node's `import` looks for packages upwards from /var/task: first the layers', then the SDKs'.
    os.symlink("/opt/nodejs/node_modules", f"{root}/var/node_modules")
    os.symlink(node_modules, f"{root}/node_modules")
    for source, target in binds:
        _bind(root, target, source)
    mount("none", root, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID)


def _bind(root: str, path: str, source: str | None = None) -> None:
    real = os.path.realpath(source or path)
    target = root + path
    if os.path.exists(target) and not os.path.islink(target) and os.path.ismount(target):
        return
    os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
    if os.path.isdir(real):
        os.makedirs(target, 0o755, exist_ok=True)
    elif not os.path.exists(target):
        open(target, "w").close()
    attach(tree(real), target)


def _etc(root: str) -> None:
    for name in (
        "hosts",
        "resolv.conf",
        "nsswitch.conf",
        "ld.so.cache",
        "mime.types",
        "protocols",
        "services",
        "host.conf",
        "gai.conf",
    ):
        try:
            with open(f"/etc/{name}", "rb") as source, open(f"{root}/etc/{name}", "wb") as target:
                target.write(source.read())
        except OSError:
            continue
    for name in ("ssl", "pki", "ca-certificates", "alternatives"):
        if os.path.isdir(f"/etc/{name}"):
            _bind(root, f"/etc/{name}")
    uid = ENVIRONMENT_UID if os.getuid() == 0 else os.getuid()
    with open(f"{root}/etc/passwd", "w") as stream:
        stream.write(f"root:x:0:0:root:/root:/sbin/nologin\nsbx_user1051:x:{uid}:{uid}::/tmp:/sbin/nologin\n")
    with open(f"{root}/etc/group", "w") as stream:
        stream.write(f"root:x:0:\nsbx_user1051:x:{uid}:\n")
    os.symlink("/usr/share/zoneinfo/UTC", f"{root}/etc/localtime")


def enter_root(root: str, tmp_mb: int, binds: list[list[str]]) -> None:
    """In the child: make the template this process's root, with its own /proc, /tmp and /dev/shm."""
    os.chdir(root)
    mount("proc", "proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    mount("tmp", "tmp", "tmpfs", _MS_NOSUID | _MS_NODEV, f"size={tmp_mb}m,mode=1777")
    for source, target in binds:
        if target.startswith("/tmp/"):
            _bind(root, target, source)
    mount("shm", "dev/shm", "tmpfs", _MS_NOSUID | _MS_NODEV, "size=64m,mode=1777")
    _check(_syscall(_PIVOT_ROOT, b".", b"."), "pivot_root")
    _check(libc.umount2(b".", _MNT_DETACH), "umount the host's root")
    os.chdir("/")
    socket.sethostname("localhost")


def resize_tmp(tmp_mb: int) -> None:
    mount("tmp", "/tmp", "tmpfs", _MS_REMOUNT | _MS_NOSUID | _MS_NODEV, f"size={tmp_mb}m,mode=1777")


def drop_privileges(root: bool) -> None:
    """Become the environment's user for good, without a way back."""
    if root:
        os.setgroups([])
        os.setresgid(ENVIRONMENT_UID, ENVIRONMENT_UID, ENVIRONMENT_UID)
        os.setresuid(ENVIRONMENT_UID, ENVIRONMENT_UID, ENVIRONMENT_UID)
    else:
        for capability in range(64):
            if libc.prctl(24, capability, 0, 0, 0) != 0:  # PR_CAPBSET_DROP
                break
        header, data = struct.pack("=Ii", 0x20080522, 0), bytes(24)
        _check(libc.capset(header, data), "capset")
    libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: else /proc/self belongs to root, and /dev/stdout cannot be opened
    _check(libc.prctl(38, 1, 0, 0, 0), "no_new_privs")


def die_with_parent() -> None:
    """Be killed when the zygote ends. After the change of user, which clears this."""
    libc.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
