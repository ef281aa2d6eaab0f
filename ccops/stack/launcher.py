"""Become another program under the supervisor's rules: `launcher.py PPID SIGNAL MODE FOLDER -- ARGV`.

Run as a script with `python -I -S`: stdlib only, a few milliseconds. The order matters: a change of
credentials clears the parent-death signal, and a parent that died before it was set is never reported.
"""

from __future__ import annotations

import ctypes
import os
import sys

_NOBODY = 65534
_INNER_ID = 1000
_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def _own(folder: str, uid: int) -> None:
    """Give `folder` to `uid`; a folder that already belongs to it costs one stat."""
    if not os.path.isdir(folder) or os.stat(folder).st_uid == uid:  # noqa: PTH112, PTH116 - no pathlib here
        return
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(os.path.join(place, name), uid, uid, follow_symlinks=False)  # noqa: PTH118
        os.chown(place, uid, uid)


def _enter_namespace() -> bool:
    """Map root to an ordinary user in a namespace of our own; False where that is forbidden."""
    if _libc.unshare(_CLONE_NEWUSER) != 0:
        return False
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{_INNER_ID} 0 1"),
        ("gid_map", f"{_INNER_ID} 0 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write(text)
    return True


def _drop_user() -> None:
    """Become an unprivileged user that can still walk through folders only root may enter."""
    _check(_libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0), "prctl(KEEPCAPS)")
    os.setgroups([])
    os.setgid(_NOBODY)
    os.setuid(_NOBODY)
    mask = 1 << _CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    # Without these two the program still runs wherever its files can be reached by everybody.
    if _libc.capset(ctypes.byref(header), ctypes.byref(data)) == 0:
        _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


def _leave_root(mode: str, folder: str) -> None:
    if os.geteuid() != 0:
        return
    if mode in ("auto", "userns"):
        _own(folder, 0)
        if _enter_namespace():
            return
        if mode == "userns":
            raise OSError(ctypes.get_errno(), "a user namespace is not allowed here")
    _own(folder, _NOBODY)
    _drop_user()


def _check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


def main(args: list[str]) -> None:
    """Exec the program in `args`; returns only by raising."""
    parent, death_signal, mode, folder = int(args[0]), int(args[1]), args[2], args[3]
    argv = args[5:]
    if mode != "root":
        _leave_root(mode, folder)
    if sys.platform == "linux":
        _check(_libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0), "prctl(PDEATHSIG)")
    if os.getppid() != parent:
        sys.exit("the supervisor is gone")
    os.execv(argv[0], argv)  # noqa: S606 - becoming that program is the whole point


if __name__ == "__main__":
    main(sys.argv[1:])
