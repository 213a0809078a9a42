/* fuzz/replay.c: runs a harness on the files and folders named, without a fuzzer. Prints how many inputs there were. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

static size_t inputs;

static void run_file(const char *path, size_t size) {
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(size + 1);
    if (file == NULL || data == NULL || fread(data, 1, size, file) != size) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(2);
    }
    (void)fclose(file);
    if (getenv("SLM_FUZZ_VERBOSE") != NULL) { /* to tell which input a crash belongs to */
        printf("%s\n", path);
        (void)fflush(stdout);
    }
    uint8_t *exact = fuzz_copy(data, size);
    free(data);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    inputs++;
}

static void run(const char *path) {
    struct stat about;
    if (stat(path, &about) != 0) {
        fprintf(stderr, "cannot find %s\n", path);
        exit(2);
    }
    if (!S_ISDIR(about.st_mode)) {
        run_file(path, (size_t)about.st_size);
        return;
    }
    struct dirent **entries;
    const int count = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char inner[4096];
        const int length = snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && length > 0 && (size_t)length < sizeof inner)
            run(inner);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

int main(int argc, char **argv) {
    LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++)
        run(argv[i]);
    printf("%zu inputs\n", inputs);
    return inputs > 0 ? 0 : 2;
}
