"""The clocks of other programs, and the id of their boot, set from outside: an LD_PRELOAD library."""

import struct
from pathlib import Path

from fault_tools import build_shim

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* $FAULT_CLOCK is a file of two doubles: the seconds added to the wall clock and to CLOCK_BOOTTIME. */
static volatile double *offset;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULT_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *page = mmap(0, 2 * sizeof(double), PROT_READ, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) offset = page;
    close(file);
}

static void move(struct timespec *at, int which) {
    double moved = offset ? offset[which] : 0;
    long long nanoseconds = (long long) at->tv_sec * 1000000000LL + at->tv_nsec + (long long) (moved * 1e9);
    at->tv_sec = nanoseconds / 1000000000LL;
    at->tv_nsec = nanoseconds % 1000000000LL;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    static int (*plain)(clockid_t, struct timespec *);
    if (!plain) plain = dlsym(RTLD_NEXT, "clock_gettime");
    int done = plain(clock, at);
    if (!done && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) move(at, 0);
    if (!done && clock == CLOCK_BOOTTIME) move(at, 1);
    return done;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}

static const char *moved_path(const char *path) {
    const char *other = getenv("FAULT_BOOT_ID");
    return other && !strcmp(path, "/proc/sys/kernel/random/boot_id") ? other : path;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        static int (*plain)(const char *, int, ...); \
        if (!plain) plain = dlsym(RTLD_NEXT, #name); \
        va_list rest; \
        va_start(rest, flags); \
        int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0; \
        va_end(rest); \
        return plain(moved_path(path), flags, mode); \
    }
OPEN(open)
OPEN(open64)
"""


class ClockShim:
    """Programs that run in `environment` have the wall clock of this machine plus `offset` seconds.

    `synchronized` of the kernel is that of this machine: it is not the clock that such programs see.
    """

    def __init__(self, folder):
        folder = Path(folder)
        library = build_shim(SHIM, folder, "clock")
        self._clock, self._boot_id = folder / "clock", folder / "boot_id"
        self.offset = self.passed = 0.0
        self.set_to(0.0)
        self.boot("first")
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAULT_CLOCK": str(self._clock),
            "FAULT_BOOT_ID": str(self._boot_id),
        }

    def set_to(self, offset):
        """Set the clock so many seconds ahead of this machine's; programs that run see it at once."""
        self.offset = offset
        if not self._clock.exists():
            self._clock.touch()
        with self._clock.open("r+b", buffering=0) as file:
            file.write(struct.pack("dd", offset, self.passed))

    def step(self, seconds):
        """Set the clock by so many seconds."""
        self.set_to(self.offset + seconds)

    def pass_time(self, seconds):
        """Let so much time pass at once, as while the machine is suspended."""
        self.passed += seconds
        self.step(seconds)

    def boot(self, name):
        """Programs that are started from now on are of another boot."""
        self._boot_id.write_text(f"{name}\n")
