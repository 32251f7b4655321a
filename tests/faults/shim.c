/* A disk that fails, for tests: loaded with LD_PRELOAD, it stands between a process and the files
 * below $WAYMARK_FAULT_DIR.
 *
 *   WAYMARK_FAULT=cut:N      the power goes at the Nth write: what was not synced is gone
 *   WAYMARK_FAULT=torn:N     the same, but of what was not synced every second write stays, and half
 *                            of the last one
 *   WAYMARK_FAULT=gate:N     the Nth sync fails and what it should have kept is lost, as Linux does
 *                            it: later syncs succeed. The power goes 40 writes after it
 *   WAYMARK_FAULT=lie:N      every sync says that it is done and is not; the power goes at the Nth
 *                            write
 *   WAYMARK_FAULT=full:N     from the Nth write on there is no space, for 30 writes
 *   WAYMARK_FAULT=readonly:0 the file system can only be read
 *
 *   WAYMARK_FAULT_FROM=PATH  writes and syncs count from when there is a file of this name
 *
 * Files that were created or removed stay so: only contents and lengths are lost. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct change {
  struct change *before;
  char *path;
  off_t offset;
  off_t size;    /* of the file before */
  size_t length; /* of the write */
  size_t kept;   /* bytes that were there before */
  char *bytes;
  int lost; /* a sync that should have kept it failed */
};

enum mode { NONE, CUT, TORN, GATE, LIE, FULL, READONLY };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum mode mode = NONE;
static long at, writes, syncs, cut_at = LONG_MAX;
static const char *directory, *from;
static struct change *changes;

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_open)(const char *, int, ...);

__attribute__((constructor)) static void begin(void) {
  static const char *names[] = {"",     "cut:",  "torn:",   "gate:",
                                "lie:", "full:", "readonly:"};
  real_pwrite = dlsym(RTLD_NEXT, "pwrite");
  real_write = dlsym(RTLD_NEXT, "write");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
  real_open = dlsym(RTLD_NEXT, "open");
  const char *fault = getenv("WAYMARK_FAULT");
  directory = getenv("WAYMARK_FAULT_DIR");
  from = getenv("WAYMARK_FAULT_FROM");
  if (!fault || !directory)
    return;
  for (int i = CUT; i <= READONLY; i++)
    if (!strncmp(fault, names[i], strlen(names[i]))) {
      mode = i;
      at = atol(fault + strlen(names[i]));
    }
  if (mode == CUT || mode == TORN || mode == LIE)
    cut_at = at;
}

/* Whether what happens counts by now. */
static int has_begun(void) {
  if (from && !access(from, F_OK))
    from = NULL;
  return !from;
}

/* The path of a watched file, or nothing. */
static const char *watched(int fd, char path[PATH_MAX]) {
  char link[64];
  if (mode == NONE)
    return NULL;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length < 0)
    return NULL;
  path[length] = 0;
  return strncmp(path, directory, strlen(directory)) ? NULL : path;
}

static void undo(const struct change *change) {
  int fd = real_open(change->path, O_RDWR);
  if (fd < 0)
    return;
  if (change->kept)
    real_pwrite(fd, change->bytes, change->kept, change->offset);
  real_ftruncate(fd, change->size);
  close(fd);
}

/* The power goes. */
static void cut(int fd, const void *bytes, size_t length, off_t offset) {
  int number = 0;
  for (struct change *change = changes; change; change = change->before)
    if (change->lost || mode != TORN || number++ % 2 == 0)
      undo(change);
  if (mode == TORN && bytes)
    real_pwrite(fd, bytes, length / 2, offset);
  _exit(137);
}

/* Notes what a write is about to change. Says whether it is refused. */
static int about_to_change(int fd, const char *path, const void *bytes, size_t length,
                           off_t offset, off_t size) {
  writes += has_begun();
  if (writes >= cut_at)
    cut(fd, bytes, length, offset);
  if (mode == FULL && writes >= at && writes < at + 30) {
    errno = ENOSPC;
    return 1;
  }
  struct change *change = calloc(1, sizeof *change);
  change->path = strdup(path);
  change->offset = offset;
  change->size = size;
  change->length = length;
  change->bytes = malloc(length + 1);
  ssize_t kept = length ? pread(fd, change->bytes, length, offset) : 0;
  change->kept = kept > 0 ? (size_t)kept : 0;
  change->before = changes;
  changes = change;
  return 0;
}

static off_t size_of(int fd) {
  struct stat found;
  return fstat(fd, &found) ? 0 : found.st_size;
}

static int overlap(const struct change *a, const struct change *b) {
  return !strcmp(a->path, b->path) && a->offset < b->offset + (off_t)b->length &&
         b->offset < a->offset + (off_t)a->length;
}

static void drop(struct change **place) {
  struct change *gone = *place;
  *place = gone->before;
  free(gone->path);
  free(gone->bytes);
  free(gone);
}

/* What a sync of a file makes of its changes: they are kept, or lost for ever. */
static void settle(const char *path, int fails) {
  for (struct change **place = &changes; *place;) {
    struct change *change = *place;
    if (strcmp(change->path, path) || change->lost) {
      place = &change->before;
    } else if (fails) {
      change->lost = 1;
      place = &change->before;
    } else {
      /* What was lost in its place is not missed any more. */
      for (struct change **old = &change->before; *old;)
        if ((*old)->lost && overlap(*old, change))
          drop(old);
        else
          old = &(*old)->before;
      drop(place);
    }
  }
}

static int sync_file(int fd, int (*real)(int)) {
  char path[PATH_MAX];
  pthread_mutex_lock(&lock);
  if (watched(fd, path)) {
    syncs += has_begun();
    if (mode == LIE) {
      pthread_mutex_unlock(&lock);
      return 0;
    }
    int fails = mode == GATE && syncs == at && !from;
    settle(path, fails);
    if (fails) {
      cut_at = writes + 40;
      pthread_mutex_unlock(&lock);
      errno = EIO;
      return -1;
    }
  }
  pthread_mutex_unlock(&lock);
  return real(fd);
}

int fsync(int fd) { return sync_file(fd, real_fsync); }

int fdatasync(int fd) { return sync_file(fd, real_fdatasync); }

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  char path[PATH_MAX];
  pthread_mutex_lock(&lock);
  int refused =
      watched(fd, path) && about_to_change(fd, path, bytes, length, offset, size_of(fd));
  ssize_t written = refused ? -1 : real_pwrite(fd, bytes, length, offset);
  pthread_mutex_unlock(&lock);
  return written;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
  return pwrite(fd, bytes, length, offset);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  char path[PATH_MAX];
  pthread_mutex_lock(&lock);
  off_t offset = lseek(fd, 0, SEEK_CUR);
  int refused = watched(fd, path) && offset >= 0 &&
                about_to_change(fd, path, bytes, length, offset, size_of(fd));
  ssize_t written = refused ? -1 : real_write(fd, bytes, length);
  pthread_mutex_unlock(&lock);
  return written;
}

int ftruncate(int fd, off_t length) {
  char path[PATH_MAX];
  pthread_mutex_lock(&lock);
  int refused = 0;
  if (watched(fd, path)) {
    off_t size = size_of(fd);
    size_t gone = size > length ? (size_t)(size - length) : 0;
    refused = about_to_change(fd, path, NULL, gone, length, size);
  }
  int done = refused ? -1 : real_ftruncate(fd, length);
  pthread_mutex_unlock(&lock);
  return done;
}

int ftruncate64(int fd, off_t length) { return ftruncate(fd, length); }

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t permissions = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  int writes_to = (flags & O_ACCMODE) != O_RDONLY || flags & O_CREAT;
  if (mode == READONLY && writes_to && !strncmp(path, directory, strlen(directory))) {
    errno = EROFS;
    return -1;
  }
  return real_open(path, flags, permissions);
}

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t permissions = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open(path, flags | O_LARGEFILE, permissions);
}
