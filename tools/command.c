/* tools/command.c: options, their help texts, and finding a command by name. */
#define _GNU_SOURCE 1 /* sched_getaffinity */
#include "command.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef __linux__
#include <sched.h>
#endif
#include <unistd.h>

const command *command_find(const char *name) {
    for (size_t i = 0; commands[i] != NULL; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

/* Edit distance with insertion, deletion, replacement and exchange of neighbours, for short words. */
#define WORD_MAX 32
static size_t edit_distance(const char *a, const char *b) {
    size_t m = strlen(a), n = strlen(b), d[WORD_MAX + 1][WORD_MAX + 1];
    if (m > WORD_MAX || n > WORD_MAX)
        return SIZE_MAX;
    for (size_t i = 0; i <= m; i++)
        for (size_t j = 0; j <= n; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            size_t least = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            least = d[i - 1][j] + 1 < least ? d[i - 1][j] + 1 : least;
            least = d[i][j - 1] + 1 < least ? d[i][j - 1] + 1 : least;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < least)
                least = d[i - 2][j - 2] + 1;
            d[i][j] = least;
        }
    return d[m][n];
}

const char *command_nearest(const char *name) {
    const char *nearest = NULL;
    size_t best = 3; /* more changes than two make another word */
    for (size_t i = 0; commands[i] != NULL; i++) {
        size_t distance = edit_distance(name, commands[i]->name);
        if (distance < best && distance < strlen(commands[i]->name)) {
            best = distance;
            nearest = commands[i]->name;
        }
    }
    return nearest;
}

/* ---- Help ---- */

#define HELP_COLUMNS 80

/* Prints words, breaking lines before column HELP_COLUMNS; `column` is where the cursor stands; "\n" in the text begins a new line. */
static void print_wrapped(FILE *stream, const char *text, size_t indent, size_t column) {
    bool first = true;
    while (*text != '\0') {
        size_t word = strcspn(text, " \n");
        if (!first && column + 1 + word > HELP_COLUMNS) {
            fprintf(stream, "\n%*s", (int)indent, "");
            column = indent;
            first = true;
        }
        if (!first) {
            fputc(' ', stream);
            column++;
        }
        fwrite(text, 1, word, stream);
        column += word;
        first = false;
        text += word;
        if (*text == '\n') {
            fputc('\n', stream);
            text++;
            if (*text != '\n' && *text != '\0')
                fprintf(stream, "%*s", (int)indent, "");
            column = indent;
            first = true;
        } else if (*text == ' ')
            text++;
    }
    fputc('\n', stream);
}

void command_print_help(const command *c, FILE *stream) {
    const char *form = c->synopsis;
    for (const char *word = "Usage:"; *form != '\0'; word = "      ") {
        size_t length = strcspn(form, "\n");
        fprintf(stream, "%s slm %s %.*s\n", word, c->name, (int)length, form);
        form += length + (form[length] == '\n');
    }
    fputc('\n', stream);
    print_wrapped(stream, c->description, 0, 0);
    if (c->options[0].code != 0)
        fputs("\nOptions:\n", stream);
    for (const option_spec *o = c->options; o->code != 0; o++) {
        char left[80];
        int n = snprintf(left, sizeof left, o->code < 128 ? "  -%c" : "    ", o->code);
        if (o->name != NULL)
            n += snprintf(left + n, sizeof left - (size_t)n, "%s--%s%s%s", o->code < 128 ? ", " : "  ", o->name,
                          o->argument != NULL ? " " : "", o->argument != NULL ? o->argument : "");
        else if (o->argument != NULL)
            n += snprintf(left + n, sizeof left - (size_t)n, " %s", o->argument);
        const int indent = 26;
        if (n + 2 > indent)
            fprintf(stream, "%s\n%*s", left, indent, "");
        else
            fprintf(stream, "%-*s", indent, left);
        print_wrapped(stream, o->help, (size_t)indent, (size_t)indent);
    }
    if (c->epilogue != NULL) {
        size_t length = strlen(c->epilogue);
        fprintf(stream, "\n%s%s", c->epilogue, length > 0 && c->epilogue[length - 1] == '\n' ? "" : "\n");
    }
}

void commands_print_help(FILE *stream) {
    fputs("Usage: slm COMMAND [OPTIONS] ...\n"
          "\n"
          "Compresses the weights of neural networks into seeds of a shift register (SeedLM)\n"
          "and back: .safetensors files and model folders to .slm and from .slm.\n"
          "\n"
          "Commands:\n",
          stream);
    for (size_t i = 0; commands[i] != NULL; i++)
        fprintf(stream, "  %-10s%s\n", commands[i]->name, commands[i]->summary);
    fputs("\n"
          "\"slm help COMMAND\" and \"slm COMMAND --help\" tell more; so does slm(1).\n"
          "\n"
          "Exit codes:\n"
          "  0  done; verify: valid; diff: identical or within --max-error\n"
          "  1  the machine failed: a file cannot be opened, read or written, no memory\n"
          "  2  the command line is wrong, or would overwrite a file\n"
          "  3  an input is damaged or breaks the rules of its format\n"
          "  4  an input needs a version or feature this program does not know\n"
          "  5  diff found differences, or encode --verify a wrong result\n"
          "  128 + n  ended by signal n\n",
          stream);
}

/* ---- Options ---- */

int usage_error(const command *c, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (c != NULL)
        message_error("%s: %s (see \"slm help %s\")", c->name, text, c->name);
    else
        message_error("%s (see \"slm help\")", text);
    return EXIT_CODE_USAGE;
}

static const option_spec *spec_of(const command *c, int code) {
    for (const option_spec *o = c->options; o->code != 0; o++)
        if (o->code == code)
            return o;
    return NULL;
}

void options_begin(option_parser *parser, const command *c, int argc, char **argv) {
    *parser = (option_parser){.command = c, .argc = argc, .argv = argv};
    char *s = parser->short_options;
    *s++ = ':'; /* a missing argument is told apart from an unknown option */
    size_t n = 0;
    for (const option_spec *o = c->options; o->code != 0 && n < OPTIONS_MAX; o++) {
        int has_argument = o->argument != NULL ? required_argument : no_argument;
        if (o->name != NULL)
            parser->long_options[n++] = (struct option){o->name, has_argument, NULL, o->code};
        if (o->code < 128) {
            *s++ = (char)o->code;
            if (o->argument != NULL)
                *s++ = ':';
        }
    }
    *s = '\0';
    optind = 1;
    opterr = 0;
}

static int stop(option_parser *parser, int exit_code) {
    parser->exit_code = exit_code;
    return OPTION_STOP;
}

/* How the option at fault was written. A cluster such as -xyz is told by its letter. */
static void fault_name(const option_parser *parser, char *text, size_t size) {
    const char *word = optind > 0 && optind <= parser->argc ? parser->argv[optind - 1] : NULL;
    if (word != NULL && strncmp(word, "--", 2) == 0)
        snprintf(text, size, "%.*s", (int)strcspn(word, "="), word);
    else
        snprintf(text, size, "-%c", optopt);
}

int options_next(option_parser *parser) {
    char name[256];
    for (;;) {
        optopt = 0;
        int code = getopt_long(parser->argc, parser->argv, parser->short_options, parser->long_options, NULL);
        switch (code) {
        case -1:
            parser->operands = parser->argv + optind;
            parser->operand_count = parser->argc - optind;
            return OPTION_END;
        case '?':
            fault_name(parser, name, sizeof name);
            if (optopt != 0 && strncmp(name, "--", 2) == 0 && spec_of(parser->command, optopt) != NULL)
                return stop(parser, usage_error(parser->command, "option %s takes no argument", name));
            return stop(parser, usage_error(parser->command, "unknown or ambiguous option %s", name));
        case ':': {
            const option_spec *o = spec_of(parser->command, optopt);
            if (o != NULL && o->code < 128 && o->name != NULL)
                snprintf(name, sizeof name, "-%c (--%s)", o->code, o->name);
            else
                fault_name(parser, name, sizeof name);
            return stop(parser, usage_error(parser->command, "option %s needs an argument%s%s", name, o != NULL ? ": " : "",
                                            o != NULL ? o->argument : ""));
        }
        case 'q': message_set_verbosity(-1); break;
        case 'v': message_set_verbosity(message_verbosity() < 1 ? 1 : message_verbosity() + 1); break;
        case 'h': command_print_help(parser->command, stdout); return stop(parser, EXIT_CODE_OK);
        default: parser->argument = optarg; return code;
        }
    }
}

/* ---- Arguments ---- */

bool argument_uint(const command *c, const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *value) {
    char *end = NULL;
    errno = 0;
    unsigned long long number = text[0] >= '0' && text[0] <= '9' ? strtoull(text, &end, 10) : 0;
    if (end == NULL || *end != '\0' || errno != 0 || number < least || number > most) {
        usage_error(c, "%s needs a whole number from %llu to %llu, not \"%s\"", option, (unsigned long long)least, (unsigned long long)most,
                    text);
        return false;
    }
    *value = number;
    return true;
}

bool argument_real(const command *c, const char *option, const char *text, double least, double most, double *value) {
    char *end = NULL;
    double number = text[0] != '\0' && text[0] != ' ' ? strtod(text, &end) : 0;
    if (end == NULL || *end != '\0' || isnan(number) || number < least || number > most) {
        usage_error(c, "%s needs a number from %g to %g, not \"%s\"", option, least, most, text);
        return false;
    }
    *value = number;
    return true;
}

unsigned processors_available(void) {
#ifdef __linux__
    cpu_set_t set; /* what taskset and containers leave to this process */
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (unsigned)CPU_COUNT(&set);
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1;
}

const char *kernel_wanted(void) {
    const char *name = getenv("SLM_CPU");
    return name != NULL && name[0] != '\0' ? name : NULL;
}

bool argument_threads(const command *c, const char *text, unsigned *threads) {
    uint64_t number;
    if (!argument_uint(c, "-T", text, 0, 1024, &number))
        return false;
    *threads = number != 0 ? (unsigned)number : processors_available();
    return true;
}
