"""A system call filter for environments: a deny list in classic BPF.

Denied calls answer EPERM; clone3 answers ENOSYS, so that the C library falls back to clone, whose flags can be read.
Layout of `struct seccomp_data`: https://man7.org/linux/man-pages/man2/seccomp.2.html
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

_LOAD, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NR, _ARCH, _ARG0 = 0, 4, 16
# CLONE_NEWTIME is left out: as a flag of clone (not clone3) its bit belongs to the exit signal.
_CLONE_NEW = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000

# fmt: off
_X86_64 = {
    "arch": 0xC000003E, "clone": 56, "clone3": 435,
    "deny": (
        101,            # ptrace
        103,            # syslog
        134, 136, 139,  # uselib, ustat, sysfs
        153, 154,       # vhangup, modify_ldt
        155,            # pivot_root
        159,            # adjtimex
        161, 163,       # chroot, acct
        164,            # settimeofday
        165, 166,       # mount, umount2
        167, 168, 169,  # swapon, swapoff, reboot
        170, 171,       # sethostname, setdomainname
        172, 173,       # iopl, ioperm
        174, 175, 176,  # create_module, init_module, delete_module
        177, 178, 179, 180,  # get_kernel_syms, query_module, quotactl, nfsservctl
        212,            # lookup_dcookie
        227,            # clock_settime
        246,            # kexec_load
        248, 249, 250,  # add_key, request_key, keyctl
        272,            # unshare
        298,            # perf_event_open
        300, 301,       # fanotify_init, fanotify_mark
        303, 304,       # name_to_handle_at, open_by_handle_at
        305, 308,       # clock_adjtime, setns
        310, 311,       # process_vm_readv, process_vm_writev
        312, 313,       # kcmp, finit_module
        320, 321, 323,  # kexec_file_load, bpf, userfaultfd
        425, 426, 427,  # io_uring
        428, 429, 430, 431, 432, 433, 442,  # the mount calls: open_tree to mount_setattr
        438,            # pidfd_getfd
    ),
}
_AARCH64 = {
    "arch": 0xC00000B7, "clone": 220, "clone3": 435,
    "deny": (
        117, 116, 39, 40, 41, 51, 89, 112, 105, 106, 104, 142, 161, 162, 170, 171, 217, 218, 219, 224, 225,
        97, 241, 262, 263, 264, 265, 266, 268, 270, 271, 272, 273, 280, 282, 294, 60, 18,
        425, 426, 427, 428, 429, 430, 431, 432, 433, 442, 438,
    ),
}
# fmt: on
_TABLES = {"x86_64": _X86_64, "aarch64": _AARCH64, "arm64": _AARCH64}


def _op(code: int, jump_true: int, jump_false: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, jump_true, jump_false, value)


def program(machine: str | None = None) -> bytes:
    """The filter as BPF instructions; empty on a machine whose call numbers are not known."""
    table = _TABLES.get(machine or platform.machine())
    if table is None:
        return b""
    refuse = _ERRNO | errno.EPERM
    deny = table["deny"]
    assert isinstance(deny, tuple)
    ops = [
        _op(_LOAD, 0, 0, _ARCH),
        _op(_JEQ, 1, 0, int(table["arch"])),  # type: ignore[call-overload]
        _op(_RET, 0, 0, _KILL),
        _op(_LOAD, 0, 0, _NR),
    ]
    if table is _X86_64:
        # The x32 calls share the architecture and would go round the list.
        ops += [_op(_JGE, 0, 1, 0x40000000), _op(_RET, 0, 0, refuse)]
    ops += [
        _op(_JEQ, 0, 1, int(table["clone3"])),  # type: ignore[call-overload]
        _op(_RET, 0, 0, _ERRNO | errno.ENOSYS),
        _op(_JEQ, 0, 4, int(table["clone"])),  # type: ignore[call-overload]
        _op(_LOAD, 0, 0, _ARG0),
        _op(_JSET, 0, 1, _CLONE_NEW),
        _op(_RET, 0, 0, refuse),
        _op(_RET, 0, 0, _ALLOW),
    ]
    for index, number in enumerate(deny):
        ops.append(_op(_JEQ, len(deny) - index, 0, number))
    ops += [_op(_RET, 0, 0, _ALLOW), _op(_RET, 0, 0, refuse)]
    return b"".join(ops)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def prepare(code: bytes) -> tuple[object, object]:
    """Make the structure once, before forking; keep the result alive."""
    buffer = ctypes.create_string_buffer(code, len(code))
    return _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p).value), buffer


def install(libc: ctypes.CDLL, prepared: tuple[object, object]) -> None:
    """Apply to this process for good. `no_new_privs` must be set before."""
    if libc.prctl(22, 2, ctypes.byref(prepared[0]), 0, 0) != 0:  # type: ignore[arg-type]  # PR_SET_SECCOMP, FILTER
        raise OSError(ctypes.get_errno(), "seccomp filter refused")
