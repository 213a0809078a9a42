/* tools/message.c: errors, warnings and notes on stderr, one escaped line each. */
#include "message.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exit_code.h"

/* stderr belongs to the process, and so do these: the one state the command keeps outside its contexts. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int verbosity;
static char status_line[512];

void message_set_verbosity(int v) { verbosity = v; }
int message_verbosity(void) { return verbosity; }

bool message_stderr_is_terminal(void) {
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) == 1 && term != NULL && strcmp(term, "dumb") != 0;
}

static void say(const char *kind, const char *colour, const char *format, va_list arguments) {
    char short_text[1024];
    char *text = short_text;
    va_list again;
    va_copy(again, arguments);
    int n = vsnprintf(short_text, sizeof short_text, format, arguments);
    if (n >= (int)sizeof short_text) { /* names can be long; without memory the message is cut */
        char *longer = malloc((size_t)n + 1);
        if (longer != NULL) {
            vsnprintf(longer, (size_t)n + 1, format, again);
            text = longer;
        }
    }
    va_end(again);

    pthread_mutex_lock(&lock);
    fflush(stdout); /* keeps the order where both go to one place */
    if (status_line[0] != '\0')
        fputs("\r\033[K", stderr);
    fputs("slm: ", stderr);
    if (kind[0] != '\0') {
        bool coloured = text_colour(stderr);
        fprintf(stderr, "%s%s:%s ", coloured ? colour : "", kind, coloured ? "\033[0m" : "");
    }
    text_print_escaped(stderr, text, strlen(text));
    fputc('\n', stderr);
    fputs(status_line, stderr);
    fflush(stderr);
    pthread_mutex_unlock(&lock);
    if (text != short_text)
        free(text);
}

#define SAY(kind, colour)                                                                                                                  \
    va_list arguments;                                                                                                                     \
    va_start(arguments, format);                                                                                                           \
    say(kind, colour, format, arguments);                                                                                                  \
    va_end(arguments)

void message_error(const char *format, ...) { SAY("error", "\033[1;31m"); }

void message_warning(const char *format, ...) { SAY("warning", "\033[1;33m"); }

void message_note(const char *format, ...) {
    if (verbosity >= 0) {
        SAY("", "");
    }
}

void message_detail(const char *format, ...) {
    if (verbosity >= 1) {
        SAY("", "");
    }
}

int message_system_error(const char *path, const char *what, int error) {
    char reason[128] = "unknown error";
    if (error == 0 || strerror_r(error, reason, sizeof reason) != 0)
        snprintf(reason, sizeof reason, "error %d", error);
    message_error("%s: %s: %s", path, what, reason);
    return EXIT_CODE_FAILURE;
}

/* The library begins a sentence about a tensor with its name; here the name stands at the end, whole, and every name alike. */
static const char *without_name(const char *text, const char *name) {
    size_t length = strlen(name);
    if (text[0] == '"' && strncmp(text + 1, name, length) == 0 && strncmp(text + 1 + length, "\": ", 3) == 0)
        return text + 1 + length + 3;
    return text;
}

int message_slm_error(const char *path, slm_status status, const slm_error *error, const char *tensor_name) {
    char rule[64] = "", number[64] = "", byte[64] = "", reason[128] = "";
    const char *text = slm_status_text(status);
    if (error != NULL && error->status == status) {
        if (error->message[0] != '\0')
            text = error->message;
        if (error->rule != NULL && error->rule[0] != '\0')
            snprintf(rule, sizeof rule, error->rule[0] == '[' ? " %s" : " [%s]", error->rule);
        if (error->tensor != UINT64_MAX)
            snprintf(number, sizeof number, "number %llu", (unsigned long long)error->tensor);
        if (error->offset != UINT64_MAX)
            snprintf(byte, sizeof byte, "byte %llu", (unsigned long long)error->offset);
        if (error->system_error != 0 && strerror_r(error->system_error, reason, sizeof reason) != 0)
            snprintf(reason, sizeof reason, "error %d", error->system_error);
    }
    if (tensor_name != NULL)
        text = without_name(text, tensor_name);
    bool told = reason[0] == '\0' || strstr(text, reason) != NULL;
    const char *quote = tensor_name != NULL ? "\"" : "", *name = tensor_name != NULL ? tensor_name : number;
    bool tensor = name[0] != '\0' || tensor_name != NULL;
    if (!tensor && byte[0] == '\0')
        message_error("%s: %s%s%s%s", path, text, told ? "" : ": ", told ? "" : reason, rule);
    else
        message_error("%s: %s%s%s%s (%s%s%s%s%s%s)", path, text, told ? "" : ": ", told ? "" : reason, rule, tensor ? "tensor " : "", quote,
                      tensor ? name : "", quote, tensor && byte[0] != '\0' ? ", " : "", byte);
    return exit_code_of(status);
}

void message_status_line(const char *text) {
    pthread_mutex_lock(&lock);
    if (text != NULL || status_line[0] != '\0') {
        fputs("\r\033[K", stderr);
        status_line[0] = '\0';
        if (text != NULL) {
            snprintf(status_line, sizeof status_line, "%s", text);
            fputs(status_line, stderr);
        }
        fflush(stderr);
    }
    pthread_mutex_unlock(&lock);
}
