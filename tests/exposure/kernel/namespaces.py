"""Network namespaces without names: each is gone when the process that made it is.

A thread enters one, opens sockets or starts programs there, and returns; the sockets stay behind.
"""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

CLONE_NEWNET = 0x40000000
"""include/uapi/linux/sched.h"""

_LIBC = ctypes.CDLL(None, use_errno=True)
_OWN = "/proc/thread-self/ns/net"


def _done(code: int, what: str) -> None:
    if code:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


class Namespace:
    """A network namespace, as long as it is not closed."""

    def __init__(self) -> None:
        home = os.open(_OWN, os.O_RDONLY)
        try:
            _done(_LIBC.unshare(CLONE_NEWNET), "unshare")
            self._file = os.open(_OWN, os.O_RDONLY)
        finally:
            _done(_LIBC.setns(home, CLONE_NEWNET), "setns")
            os.close(home)

    @property
    def path(self) -> str:
        """What `ip ... netns` takes."""
        return f"/proc/{os.getpid()}/fd/{self._file}"

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread, in the namespace."""
        home = os.open(_OWN, os.O_RDONLY)
        _done(_LIBC.setns(self._file, CLONE_NEWNET), "setns")
        try:
            yield
        finally:
            _done(_LIBC.setns(home, CLONE_NEWNET), "setns")
            os.close(home)

    def run(self, *command: str, given: str) -> None:
        """Run a program in the namespace; what it is given stands in the error where it fails."""
        with self.entered():
            done = subprocess.run(command, input=given, text=True, capture_output=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}\n{given}"

    def set(self, settings: Mapping[str, int]) -> None:
        """Set what lies below /proc/sys/net; what this kernel has not is left."""
        with self.entered():
            for name, value in settings.items():
                path = Path("/proc/sys/net", name)
                if path.exists():
                    path.write_text(str(value))

    def close(self) -> None:
        """Let go of it; the kernel takes it down once its sockets are closed."""
        os.close(self._file)


@cache
def missing() -> str | None:
    """Why networks cannot be built here; None where they can."""
    for program in ("ip", "nft"):
        if shutil.which(program) is None:
            return f"needs the program {program}"
    try:
        space = Namespace()
    except OSError as error:
        return f"needs the right to make network namespaces: {error}"
    try:
        with space.entered():
            _tried("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb")
            _tried("ip", "link", "add", "vc", "type", "bridge")
            _tried("ip", "link", "add", "link", "va", "name", "vm", "type", "macvlan")
            _tried("nft", "add", "table", "inet", "t")
    except subprocess.CalledProcessError as error:
        return f"this kernel does not do `{' '.join(error.cmd)}`"
    finally:
        space.close()
    return None


@cache
def without_vlans() -> str | None:
    """Why one bridge cannot keep 802.1Q VLANs apart here; None where it can."""
    if missing() is not None:
        return missing()
    if shutil.which("bridge") is None:
        return "needs the program bridge"
    space = Namespace()
    try:
        with space.entered():
            _tried("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb")
            _tried("ip", "link", "add", "vc", "type", "bridge", "vlan_filtering", "1",
                   "vlan_default_pvid", "0")  # fmt: skip
            _tried("ip", "link", "set", "va", "master", "vc")
            _tried("bridge", "vlan", "add", "dev", "va", "vid", "5", "pvid", "untagged")
    except subprocess.CalledProcessError as error:
        return f"this kernel does not do `{' '.join(error.cmd)}`"
    finally:
        space.close()
    return None


def _tried(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
