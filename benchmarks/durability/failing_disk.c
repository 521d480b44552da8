/* Loaded before libc into an engine: the calls that change a run's disk fail from a chosen one on, as on a full disk.

   listen_for_faults names a file of five 64-bit numbers, shared with whoever drives the test:
     where  0 nothing fails, 1 checkpoints/, 2 log/
     from, to  which calls fail, counted from 1
     number  the errno
     count  calls so far
   Built by benchmarks/durability/failing_disk.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static volatile long *shared;

void listen_for_faults(const char *name) {
    int fd = open(name, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page != MAP_FAILED) shared = page;
    close(fd);
}

/* Whether this call fails. */
static int fails(const char *path) {
    if (!shared || !shared[0]) return 0;
    if (!strstr(path, shared[0] == 1 ? "/checkpoints" : "/log/")) return 0;
    long call = __sync_add_and_fetch(&shared[4], 1);
    if (call < shared[1] || call > shared[2]) return 0;
    errno = (int)shared[3];
    return 1;
}

static int fails_fd(int fd) {
    if (!shared || !shared[0]) return 0;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size <= 0) return 0;
    path[size] = 0;
    return fails(path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t size) {
    if (fails_fd(fd)) {
        /* A disk that fills up takes the first part; one that fails once takes nothing. */
        if (size < 2 || shared[4] != shared[1] || shared[1] == shared[2]) return -1;
        size /= 2;
    }
    return REAL(write)(fd, data, size);
}

int fsync(int fd) { return fails_fd(fd) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return fails_fd(fd) ? -1 : REAL(fdatasync)(fd); }
int rename(const char *from, const char *to) { return fails(to) ? -1 : REAL(rename)(from, to); }
int mkdir(const char *path, mode_t mode) { return fails(path) ? -1 : REAL(mkdir)(path, mode); }

#define OPEN(name)                                              \
    int name(const char *path, int flags, ...) {                \
        va_list rest;                                           \
        va_start(rest, flags);                                  \
        int mode = flags & O_CREAT ? va_arg(rest, int) : 0;     \
        va_end(rest);                                           \
        if ((flags & O_CREAT) && fails(path)) return -1;        \
        return REAL(name)(path, flags, mode);                   \
    }
OPEN(open)
OPEN(open64)
