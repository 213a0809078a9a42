/* tools/cleanup.c: removal of temporary files on signals and on failure. */
#include "cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include "message.h"

#define STACK_BYTES ((size_t)512 << 10)
#define ATTEMPTS 1000 /* to remove a folder that another thread still puts files into */

struct cleanup_entry {
    cleanup_entry *next;
    char path[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static cleanup_entry *entries;
static const char *last_words;

static void remove_folder_contents(int folder) {
    DIR *d = fdopendir(folder);
    if (d == NULL) {
        close(folder);
        return;
    }
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || unlinkat(dirfd(d), e->d_name, 0) == 0)
            continue;
        int below = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below >= 0) {
            remove_folder_contents(below);
            unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
        }
    }
    closedir(d);
}

void remove_tree(const char *path) {
    if (unlink(path) == 0)
        return;
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (folder < 0)
            return;
        remove_folder_contents(folder);
        if (rmdir(path) == 0 || (errno != ENOTEMPTY && errno != EEXIST))
            return;
    }
}

static void remove_all(void) {
    for (cleanup_entry *e = entries; e != NULL; e = e->next)
        remove_tree(e->path);
}

static void *wait_for_signal(void *set) {
    int number;
    if (sigwait(set, &number) != 0)
        return NULL;
    pthread_mutex_lock(&lock); /* kept: nothing more may be created */
    message_status_line(NULL);
    remove_all();
    if (last_words != NULL)
        message_note("%s", last_words);
    signal(number, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, set, NULL);
    raise(number); /* in this thread, and ends the process */
    return NULL;
}

bool cleanup_start(void) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    static sigset_t set; /* read by the thread for as long as the process lives */
    bool any = false;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction old;
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
            sigaddset(&set, numbers[i]);
            any = true;
        }
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    if (atexit(cleanup_run) != 0) /* libarchive ends the process where it has no memory */
        return false;
    if (!any)
        return true;
    /* A stack of the usual 8 MiB would be an eighth of the address space that a command is to do with. */
    pthread_t thread;
    pthread_attr_t attributes;
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0 || pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setstacksize(&attributes, STACK_BYTES); /* or the usual one, where that is not allowed */
    const bool waits = pthread_create(&thread, &attributes, wait_for_signal, &set) == 0;
    pthread_attr_destroy(&attributes);
    if (waits)
        pthread_detach(thread);
    return waits;
}

void cleanup_lock(void) { pthread_mutex_lock(&lock); }
void cleanup_unlock(void) { pthread_mutex_unlock(&lock); }

cleanup_entry *cleanup_add(const char *path) {
    size_t size = strlen(path) + 1;
    cleanup_entry *e = malloc(sizeof *e + size);
    if (e == NULL)
        return NULL;
    memcpy(e->path, path, size);
    e->next = entries;
    entries = e;
    return e;
}

void cleanup_forget(cleanup_entry *entry) {
    for (cleanup_entry **at = &entries; entry != NULL && *at != NULL; at = &(*at)->next)
        if (*at == entry) {
            *at = entry->next;
            free(entry);
            return;
        }
}

void cleanup_last_words(const char *text) { last_words = text; }

void cleanup_run(void) {
    cleanup_lock();
    remove_all();
    while (entries != NULL)
        cleanup_forget(entries);
    cleanup_unlock();
}
