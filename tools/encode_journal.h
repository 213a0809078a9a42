/* tools/encode_journal.h: what makes an encoding that was cut off one that can be gone on with.
 *
 * Beside the unfinished file .slm-NAME.part stands .slm-NAME.journal, text of one record a line, each with the XXH3-64 of its own bytes.
 * The first says what is encoded and how (encode_identity.c). Then come what was tried on samples, a trial a line, and at last how far
 * coded tensors have come: the encoder's state, and the XXH3-64 of the bytes that were added since the tensor's last record. Such a record
 * is written only when the bytes it speaks of are durable. Only searches are recorded: raw tensors and side files are copied anew, which
 * takes no longer than checking them would.
 */
#ifndef TOOLS_ENCODE_JOURNAL_H
#define TOOLS_ENCODE_JOURNAL_H

#include <jansson.h>

#include "encode_sample.h"

typedef struct encode_journal encode_journal;

/* What the file depends on, as a JSON object; NULL after a fault. And why two of them are not the same: false with a sentence. */
json_t *identity_make(const encode_job *job, fault *f);
bool identity_same(const json_t *then, const json_t *now, fault *f);

/* Opens the journal beside `file`, of which `found` says that it was there before: its records are read, and FAULT_USAGE where they are of
 * something else. Without it, or without a journal, an empty one is made. */
bool journal_open(encode_journal **journal, const encode_job *job, const slm_file *file, const char *path, bool found, fault *f);
void journal_close(encode_journal *journal); /* leaves it; NULL is allowed */

/* What a tensor's trial `number` came to, false where that is not known. And writes it down. */
bool journal_trial(const encode_journal *journal, size_t tensor, unsigned number, sample_trial *trial);
bool journal_note_trial(encode_journal *journal, size_t tensor, unsigned number, const sample_trial *trial, fault *f);

/* Checks what the records say against the bytes that are there, and gives the writer all that is as it was. Elements in *elements. */
bool journal_apply(encode_journal *journal, slm_writer *writer, uint64_t *elements, fault *f);

/* The state that journal_apply found for a tensor, or NULL. */
const slm_encode_state *journal_state(const encode_journal *journal, size_t tensor);

/* Notes a tensor's new state, and writes it down where the last time was long enough ago. One thread at a time. */
bool journal_note(encode_journal *journal, const slm_writer *writer, size_t tensor, const slm_encode_state *state, fault *f);
/* Writes down what was noted: at once, or only where it is time. */
bool journal_flush(encode_journal *journal, const slm_writer *writer, bool at_once, fault *f);

/* ".slm-NAME.journal" for ".slm-NAME.part", malloc'ed. */
char *journal_path(const char *part);

#endif
