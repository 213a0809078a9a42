/* tools/commands.c: the table of commands, in the order of the help text. */
#include "command.h"

const command *const commands[] = {
    &command_encode, &command_decode,  &command_info,    &command_verify, &command_diff,
    &command_bench,  &command_explore, &command_version, &command_help,   NULL,
};
