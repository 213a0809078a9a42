/* Level 3: the encoder object, and encoding from and to memory. */
#include <string.h>

#include "../container/alloc.h"
#include "../container/checked.h"
#include "../container/error.h"
#include "encode_internal.h"

static const char *kernel_of(const slm_encoder *encoder) { return encoder->kernel[0] != '\0' ? encoder->kernel : NULL; }

/* The searches a coding needs beside those there are. */
static slm_status prepare(slm_encoder *encoder) {
    const slm_profile *profile = &encoder->coding.profile;
    if (encoder->importance != NULL) {
        const slm_status aimed = slmi_importance_aim(encoder->importance, encoder->coding.rotation);
        if (aimed != SLM_OK) {
            return aimed;
        }
    }
    if (profile->coding == SLM_CODING_TRELLIS) {
        if (encoder->trellis != NULL) {
            return SLM_OK;
        }
        const slm_status made = slmi_trellis_search_create(&encoder->trellis, profile, kernel_of(encoder), &encoder->allocator);
        return made == SLM_OK && encoder->search == SLM_SEARCH_FAST ? slmi_trellis_search_make_fast(encoder->trellis) : made;
    }
    const unsigned rest = (unsigned)(encoder->coding.run_length % profile->C);
    slm_status status = SLM_OK;
    if (encoder->blocks == NULL && encoder->coding.run_length >= profile->C) {
        status = slmi_block_search_create(&encoder->blocks, profile, profile->C, encoder->search, kernel_of(encoder), &encoder->allocator);
    }
    if (status == SLM_OK && (encoder->short_last == NULL || slmi_block_search_rows(encoder->short_last) != rest)) {
        slmi_block_search_free(encoder->short_last);
        encoder->short_last = NULL;
        if (rest != 0) {
            status =
                slmi_block_search_create(&encoder->short_last, profile, rest, encoder->search, kernel_of(encoder), &encoder->allocator);
        }
    }
    return status;
}

bool slmi_encoder_options(slm_encoder_options *chosen, const slm_encoder_options *options) {
    *chosen = (slm_encoder_options){0};
    if (options == NULL) {
        return true;
    }
    if (options->struct_size < sizeof options->struct_size) {
        return false;
    }
    memcpy(chosen, options, options->struct_size < sizeof *chosen ? options->struct_size : sizeof *chosen);
    return true;
}

slm_status slm_encoder_create(slm_encoder **encoder, const slm_coding *coding, const slm_encoder_options *options, slm_error *error) {
    slm_encoder_options chosen;
    if (encoder == NULL || coding == NULL) {
        return slmi_fail_call(error, SLM_E_ARGUMENT, "no coding given");
    }
    *encoder = NULL;
    if (!slmi_encoder_options(&chosen, options)) {
        return slmi_fail_call(error, SLM_E_ARGUMENT, SLMI_NO_STRUCT_SIZE);
    }
    const char *reason = "";
    slm_status status = slm_coding_check(coding, &reason);
    if (status != SLM_OK) {
        return slmi_fail_reason(error, status, reason, SLMI_NOWHERE, SLMI_NOWHERE, "coding");
    }
    if (chosen.search != SLM_SEARCH_EXACT && chosen.search != SLM_SEARCH_PAPER && chosen.search != SLM_SEARCH_FAST) {
        return slmi_fail_call(error, SLM_E_ARGUMENT, "unknown search %d", (int)chosen.search);
    }
    if (chosen.scale_candidates > SCALE_CANDIDATES_MAX) {
        return slmi_fail_call(error, SLM_E_ARGUMENT, "more than %u scales to try", SCALE_CANDIDATES_MAX);
    }
    if (coding->profile.coding == SLM_CODING_TRELLIS && chosen.search == SLM_SEARCH_PAPER) {
        return slmi_fail_call(error, SLM_E_ARGUMENT, "the paper's search is for block coding, not for trellis coding");
    }
    if (coding->profile.coding == SLM_CODING_BLOCK && chosen.search == SLM_SEARCH_FAST) {
        return slmi_fail_call(error, SLM_E_ARGUMENT, "the fast search is for trellis coding, not for block coding");
    }
    const slm_allocator allocator = slmi_allocator(chosen.allocator);
    slm_encoder *made = slmi_allocate_zeroed(&allocator, 1, sizeof *made);
    if (made == NULL) {
        return slmi_fail_memory(error);
    }
    made->allocator = allocator;
    made->coding = *coding;
    made->search = chosen.search;
    made->scale_per_run = chosen.scale_per_run;
    made->candidates = chosen.scale_candidates > 1 ? chosen.scale_candidates : 1;
    made->threads = chosen.threads;
    status = SLM_E_ARGUMENT;
    const char *kernel = chosen.kernel == NULL ? "" : chosen.kernel;
    kernel = strcmp(kernel, "neon") == 0 ? "scalar" : kernel; /* none is written for NEON */
    const size_t length = strlen(kernel);
    if (length < sizeof made->kernel) {
        memcpy(made->kernel, kernel, length + 1);
        status = prepare(made);
    }
    if (status != SLM_OK) {
        slm_encoder_free(made);
        if (status == SLM_E_MEMORY) {
            return slmi_fail_memory(error);
        }
        if (chosen.kernel != NULL) {
            return slmi_fail_call(error, status, "no search kernel of that name for this profile and machine");
        }
        return slmi_fail_call(error, status, "the profile is beyond what this search covers");
    }
    *encoder = made;
    return SLM_OK;
}

slm_status slm_encoder_retarget(slm_encoder *encoder, uint64_t run_length, unsigned rotation, uint16_t sign_seed) {
    slm_coding wanted = encoder->coding;
    if (rotation > SLM_ROTATION_MAX) {
        return SLM_E_PROFILE;
    }
    wanted.run_length = run_length;
    wanted.rotation = (uint8_t)rotation;
    wanted.sign_seed = sign_seed;
    slm_status status = slm_coding_check(&wanted, NULL);
    if (status != SLM_OK) {
        return status;
    }
    const slm_coding before = encoder->coding;
    encoder->coding = wanted;
    status = prepare(encoder);
    if (status != SLM_OK) {
        encoder->coding = before;
        (void)prepare(encoder);
    }
    return status;
}

slm_status slm_encoder_set_importance(slm_encoder *encoder, const float *values, uint64_t columns, slm_error *error) {
    importance *made = NULL;
    if (values != NULL) {
        if (encoder->hessian != NULL) {
            return slmi_fail_call(error, SLM_E_ARGUMENT, "an importance and a Hessian exclude each other");
        }
        if (encoder->search == SLM_SEARCH_PAPER) {
            return slmi_fail_call(error, SLM_E_ARGUMENT, "the paper's search takes all errors alike");
        }
        slm_status status = slmi_importance_create(&made, values, columns, &encoder->allocator);
        if (status == SLM_OK && made != NULL) {
            status = slmi_importance_aim(made, encoder->coding.rotation);
        }
        if (status != SLM_OK) {
            slmi_importance_free(made);
            return status == SLM_E_MEMORY ? slmi_fail_memory(error)
                                          : slmi_fail_call(error, status, "an importance is a finite number of at least 0 for each column");
        }
    }
    slmi_importance_free(encoder->importance);
    encoder->importance = made;
    return SLM_OK;
}

slm_status slm_encoder_set_hessian(slm_encoder *encoder, const slm_hessian *hessian, slm_error *error) {
    if (hessian != NULL && encoder->trellis == NULL) {
        return slmi_fail_call(error, SLM_E_ARGUMENT, "error feedback is for trellis coding, not for block coding");
    }
    if (hessian != NULL && encoder->importance != NULL) {
        return slmi_fail_call(error, SLM_E_ARGUMENT, "an importance and a Hessian exclude each other");
    }
    encoder->hessian = hessian;
    return SLM_OK;
}

void slm_encoder_free(slm_encoder *encoder) {
    if (encoder != NULL) {
        const slm_allocator allocator = encoder->allocator;
        slmi_block_search_free(encoder->blocks);
        slmi_block_search_free(encoder->short_last);
        slmi_trellis_search_free(encoder->trellis);
        slmi_importance_free(encoder->importance);
        slmi_free(&allocator, encoder);
    }
}

const char *slm_encoder_kernel(const slm_encoder *encoder) {
    if (encoder->trellis != NULL) {
        return slmi_trellis_search_kernel(encoder->trellis);
    }
    return slmi_block_search_kernel(encoder->blocks != NULL ? encoder->blocks : encoder->short_last);
}

unsigned slm_recommended_rotation(const slm_profile *profile, uint64_t run_length) {
    if (profile->coding == SLM_CODING_TRELLIS && run_length > 0) {
        for (unsigned h = 8; h >= SLM_ROTATION_MIN; h--) {
            if (run_length % (UINT64_C(1) << h) == 0) {
                return h;
            }
        }
    }
    return 0;
}

typedef struct memory_io {
    const float *weights;
    uint16_t *scales;
    uint8_t *codes;
} memory_io;

static slm_status read_memory(void *context, uint64_t first, size_t count, float *weights) {
    const memory_io *memory = context;
    memcpy(weights, memory->weights + first, count * sizeof *weights);
    return SLM_OK;
}

static slm_status write_scales_memory(void *context, uint64_t first, size_t count, const uint16_t *scales) {
    const memory_io *memory = context;
    memcpy(memory->scales + first, scales, count * sizeof *scales);
    return SLM_OK;
}

static slm_status write_codes_memory(void *context, uint64_t offset, size_t size, const uint8_t *codes) {
    const memory_io *memory = context;
    memcpy(memory->codes + offset, codes, size);
    return SLM_OK;
}

slm_status slm_encode_memory(const slm_encoder *encoder, uint64_t elements, const float *weights, uint16_t *scales, uint8_t *codes,
                             slm_encode_report *report, slm_error *error) {
    memory_io memory = {weights, scales, codes};
    const slm_encode_io io = {
        .context = &memory, .read = read_memory, .write_scales = write_scales_memory, .write_codes = write_codes_memory};
    return slm_encode_tensor(encoder, elements, &io, report, error);
}
