/* tools/command.h: a command of slm, its options, and the loop over them.
 *
 * A command is one constant struct, listed in commands.c. Its option table makes both the parser (getopt_long underneath) and the help
 * text:
 *
 *     static const option_spec options[] = {
 *         {'o', "output", "FILE", "write to FILE; - is standard output"},
 *         {OPTION_JSON, "json", NULL, "print a JSON report"},
 *         OPTION_COMMON,
 *         {0}};
 *
 *     static int run(int argc, char **argv) {
 *         option_parser parser;
 *         options_begin(&parser, &command_example, argc, argv);
 *         int code;
 *         while ((code = options_next(&parser)) != OPTION_END)
 *             switch (code) {
 *             case 'o': output = parser.argument; break;
 *             case OPTION_STOP: return parser.exit_code;   // --help was printed, or a usage error
 *             }
 *         // operands: parser.operands[0 .. parser.operand_count)
 */
#ifndef SLM_TOOLS_COMMAND_H
#define SLM_TOOLS_COMMAND_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exit_code.h"
#include "message.h"

#define OPTIONS_MAX 64 /* of a command */

/* One option. A code below 128 is its short letter too; others start at OPTION_OWN. */
typedef struct option_spec {
    int code;             /* 0 ends the table */
    const char *name;     /* long form without dashes, or NULL */
    const char *argument; /* what the argument is called in the help, or NULL where there is none */
    const char *help;     /* a phrase or two without a full stop; wrapped when printed. "\n" begins a new line */
} option_spec;

enum option_code {
    OPTION_END = -1,    /* options_next: no more options */
    OPTION_STOP = -2,   /* options_next: return parser.exit_code */
    OPTION_JSON = 1000, /* --json */
    OPTION_OWN = 2000   /* a command's own long options without a letter: OPTION_OWN + n */
};

/* -q, -v and -h, which options_next handles by itself. */
#define OPTION_COMMON                                                                                                                      \
    {'q', "quiet", NULL, "say nothing but warnings and errors"}, {'v', "verbose", NULL, "say more"}, {                                     \
        'h', "help", NULL, "print this help"                                                                                               \
    }

typedef struct command {
    const char *name;
    const char *summary;        /* one phrase for the list of commands */
    const char *synopsis;       /* after "slm NAME ", such as "[OPTIONS] FILE..."; several forms separated by "\n" */
    const char *description;    /* paragraphs separated by "\n\n"; wrapped when printed */
    const option_spec *options; /* ends with code 0 */
    const char *epilogue;       /* examples and notes, printed as it stands; or NULL */
    int (*run)(int argc, char **argv);
} command;

/* The table: commands.c. NULL ends it. */
extern const command *const commands[];
extern const command command_bench, command_decode, command_diff, command_encode, command_explore, command_help, command_info,
    command_verify, command_version;

const command *command_find(const char *name);
const char *command_nearest(const char *name); /* the command meant by a misspelt name, or NULL where none is near */
void command_print_help(const command *c, FILE *stream);
void commands_print_help(FILE *stream); /* slm --help */

typedef struct option_parser {
    const command *command;
    int argc;
    char **argv;
    const char *argument; /* of the option just returned */
    int exit_code;        /* after OPTION_STOP */
    char **operands;      /* after OPTION_END: what is not an option */
    int operand_count;
    struct option long_options[OPTIONS_MAX + 1]; /* the parser's own */
    char short_options[3 * OPTIONS_MAX + 2];
} option_parser;

/* argv[0] is the command's name. Options and operands may be mixed; "--" ends the options; a long option may be shortened as far as
 * it stays unique. */
void options_begin(option_parser *parser, const command *c, int argc, char **argv);
int options_next(option_parser *parser);

/* A usage error: the message, a hint at --help, and EXIT_CODE_USAGE. */
int usage_error(const command *c, const char *format, ...) MESSAGE_FORMAT(2, 3);

/* Reads a whole argument; false (after a usage error's message) where it is not a number in [least, most]. */
bool argument_uint(const command *c, const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *value);
bool argument_real(const command *c, const char *option, const char *text, double least, double most, double *value);

/* -T: a number from 1 to 1024, or 0 for as many as processors are available to this process. */
bool argument_threads(const command *c, const char *text, unsigned *threads);
unsigned processors_available(void);

/* The kernel or instruction set that the environment variable SLM_CPU asks for ("scalar", "avx2", "neon"), or NULL: the fastest. The bytes
 * are the same. */
const char *kernel_wanted(void);

#endif
