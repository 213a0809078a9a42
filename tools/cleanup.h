/* tools/cleanup.h: temporary files and folders that must not outlive the command, however it ends.
 *
 * A thread of its own waits for SIGINT, SIGTERM and SIGHUP, removes what is registered and then ends the process by that same signal, so
 * that the exit code is 128 + n as shells expect. main(), and exit(), remove what is left on every other way out. Creation and registration
 * happen under one lock, so that no signal falls between them:
 *
 *     cleanup_lock();
 *     status = slm_file_create(&file, path, overwrite, &error);
 *     cleanup_entry *entry = status == SLM_OK ? cleanup_add(slm_file_temporary(file)) : NULL;
 *     cleanup_unlock();
 *     ...
 *     cleanup_lock();
 *     status = slm_file_commit(file, &error);     // renamed, removed, or to be resumed: nothing is left to do
 *     cleanup_forget(entry);
 *     cleanup_unlock();
 */
#ifndef SLM_TOOLS_CLEANUP_H
#define SLM_TOOLS_CLEANUP_H

#include <stdbool.h>

typedef struct cleanup_entry cleanup_entry;

/* Blocks the signals in this thread and those it starts later, and starts the waiting thread. Called first thing in main(). Signals that
 * were ignored at the start (nohup) stay ignored; SIGPIPE and SIGXFSZ become errors of the write that met them. */
bool cleanup_start(void);

void cleanup_lock(void);
void cleanup_unlock(void);

/* With the lock held. `path` is copied. A folder is removed with what is in it. NULL without memory, which cleanup_forget accepts. */
cleanup_entry *cleanup_add(const char *path);
void cleanup_forget(cleanup_entry *entry);

/* With the lock held. What is said when a signal ends the command; static storage, or NULL for nothing. */
void cleanup_last_words(const char *text);

/* Removes a file or a folder with all that is in it, and with what is put into it meanwhile, following no links; as rm -rf, errors are not
 * reported. */
void remove_tree(const char *path);

/* Removes everything registered; newest first. */
void cleanup_run(void);

#endif
