/* tools/main.c: slm COMMAND ...: finds the command, runs it, and ends with its exit code. */
#include <locale.h>
#include <string.h>

#include "cleanup.h"
#include "command.h"
#include "report.h"

int main(int argc, char **argv) {
    setlocale(LC_CTYPE, "C.UTF-8"); /* names are UTF-8 wherever it runs; numbers and messages stay those of C */
    if (!cleanup_start()) {
        message_error("cannot start a thread");
        return EXIT_CODE_FAILURE;
    }
    if (argc < 2) {
        commands_print_help(stderr);
        return EXIT_CODE_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    const command *c = command_find(name);
    if (c == NULL) {
        const char *nearest = command_nearest(name);
        if (name[0] == '-')
            return usage_error(NULL, "the command comes first, not option %s", name);
        if (nearest != NULL)
            return usage_error(NULL, "unknown command \"%s\"; did you mean \"%s\"?", name, nearest);
        return usage_error(NULL, "unknown command \"%s\"", name);
    }
    int code = c->run(argc - 1, argv + 1);
    cleanup_run();
    int output = output_finish();
    return output != EXIT_CODE_OK ? exit_code_worse(code, output) : code;
}
