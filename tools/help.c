/* tools/help.c: slm help. */
#include "command.h"

static const option_spec options[] = {OPTION_COMMON, {0}};

static int run(int argc, char **argv) {
    option_parser parser;
    options_begin(&parser, &command_help, argc, argv);
    for (int code; (code = options_next(&parser)) != OPTION_END;)
        if (code == OPTION_STOP)
            return parser.exit_code;
    if (parser.operand_count == 0)
        commands_print_help(stdout);
    for (int i = 0; i < parser.operand_count; i++) {
        const command *c = command_find(parser.operands[i]);
        if (c == NULL) {
            const char *nearest = command_nearest(parser.operands[i]);
            if (nearest != NULL)
                return usage_error(NULL, "unknown command \"%s\"; did you mean \"%s\"?", parser.operands[i], nearest);
            return usage_error(NULL, "unknown command \"%s\"", parser.operands[i]);
        }
        if (i > 0)
            fputc('\n', stdout);
        command_print_help(c, stdout);
    }
    return EXIT_CODE_OK;
}

const command command_help = {
    .name = "help",
    .summary = "explain slm or one of its commands",
    .synopsis = "[COMMAND...]",
    .description = "Prints what slm, or a command of it, does, its options and exit codes.",
    .options = options,
    .run = run,
};
