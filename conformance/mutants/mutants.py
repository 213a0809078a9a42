"""What is broken in each mutant of libslm's decoder: an id, the rule it breaks, what is wrong, and the edits that make it so.

An edit is a file below libslm/src by its name, a text that occurs exactly once in it, and what stands there instead.
"""

# Before any mutation: the scalar kernel alone, which is the definition; faster kernels would hide what is broken in it.
BASE = [("kernel.h", "#if defined(__x86_64__) && defined(__GNUC__)\n#define SLM_HAVE_X86 1", "#if 0\n#define SLM_HAVE_X86 1")]

# Not compiled: faster kernels, and what only writers need.
LEFT_OUT = ("decode_avx2_block.c", "decode_avx2_trellis.c", "decode_avx512_block.c", "decode_avx512_trellis.c", "gemv.c", "gemv_avx2.c", "gemv_avx512.c", "file_sink.c", "index_store.c", "layout.c", "ranges.c", "writer.c")

_SCALAR, _DECODE, _ROUND, _TENSOR, _INDEX, _SECTIONS, _HEADER = (
    "decode_scalar.c", "decode.c", "round.c", "tensor.c", "index_parse.c", "index_sections.c", "header.c")  # fmt: skip

# Eight that touch each part of a decoder: what `meson test` runs.
SHORT = ("tap-shifted", "coefficient-unsigned", "window-off-by-one", "hadamard-order", "half-away-from-zero", "no-seed-check", "chunk-sum-unchecked", "duplicate-names")

MUTANTS = [
    # ---- the register and its entries ----
    ("tap-shifted", "LFS-1", "the feedback mask is shifted by one", [("lfsr.c", "(parity(state & taps) << (K - 1)); }", "(parity(state & (taps >> 1)) << (K - 1)); }")]),
    ("shift-left", "LFS-1", "the register shifts the other way", [("lfsr.c", "return (state >> 1) | (parity(state & taps) << (K - 1)); }", "return (state << 1 & ((1u << K) - 1)) | parity(state & taps); }")]),
    ("seed-is-first-entry", "LFS-2", "the seed itself is the first entry", [(_SCALAR, "        seed = next[3];\n        for (unsigned j = 0; j < 4; j++)\n            target[n + j] = next[j] >> shift;", "        for (unsigned j = 0; j < 4; j++)\n            target[n + j] = (j == 0 ? seed : next[j - 1]) >> shift;\n        seed = next[3];")]),
    ("step-plus-one", "LFS-2", "one step too many from entry to entry", [(_DECODE, "x = slm_lfsr_advance(p->K, p->taps, x, p->step);", "x = slm_lfsr_advance(p->K, p->taps, x, p->step + 1u);")]),
    ("step-is-one", "LFS-2", "every profile steps by one", [(_DECODE, "x = slm_lfsr_advance(p->K, p->taps, x, p->step);", "x = slm_lfsr_advance(p->K, p->taps, x, 1);")]),
    ("low-bits", "LFS-2", "an entry is the low W bits of the state", [(_SCALAR, "target[n + j] = next[j] >> shift;", "target[n + j] = next[j] & ((1u << state->coding.profile.W) - 1);")]),
    ("column-major", "LFS-3", "entries fill the matrix column by column", [
        (_SCALAR, "        entries(state, nibbles, seed, to * P, v);\n        for (unsigned c = from; c < to; c++) {\n            int64_t sum", "        entries(state, nibbles, seed, C * P, v);\n        for (unsigned c = from; c < to; c++) {\n            int64_t sum"),
        (_SCALAR, "((int32_t)v[c * P + i] - middle)", "((int32_t)v[i * C + c] - middle)")]),
    # ---- block coding ----
    ("record-on-bytes", "BLK-1", "every record begins on a byte", [(_SCALAR, "bits_get(codes + bits_byte(block, stride), bits_shift(block, stride), stride)", "bits_get(codes + bits_byte(block, stride), 0, stride)")]),
    ("coefficients-before-exponent", "BLK-2", "the coefficients stand before the exponent", [(_SCALAR, "        const unsigned e = (unsigned)record & ((1u << p->E) - 1);\n        record >>= p->E;\n        int32_t q[SLM_P_MAX];\n        for (unsigned i = 0; i < P; i++, record >>= p->B)\n            q[i] = bits_signed((uint32_t)record & ((1u << p->B) - 1), p->B);", "        int32_t q[SLM_P_MAX];\n        for (unsigned i = 0; i < P; i++, record >>= p->B)\n            q[i] = bits_signed((uint32_t)record & ((1u << p->B) - 1), p->B);\n        const unsigned e = (unsigned)record & ((1u << p->E) - 1);")]),
    ("coefficients-reversed", "BLK-2", "the last coefficient stands first", [(_SCALAR, "q[i] = bits_signed(", "q[P - 1 - i] = bits_signed(")]),
    ("coefficient-unsigned", "BLK-3", "coefficients have no sign", [(_SCALAR, "bits_signed((uint32_t)record & ((1u << p->B) - 1), p->B);", "(int32_t)((uint32_t)record & ((1u << p->B) - 1));")]),
    ("coefficient-sign-magnitude", "BLK-3", "a coefficient's top bit is its sign, the rest its magnitude", [("bits.h", "return (int32_t)((value & (sign - 1))) - (int32_t)(value & sign);", "return value & sign ? -(int32_t)(value & (sign - 1)) : (int32_t)value;")]),
    ("no-seed-check", "BLK-4", "seed 0 is taken like any other", [(_SCALAR, "        if (seed == 0)\n            return SLM_E_RECORD;\n", ""), (_DECODE, "bits_shift(i, state->stride), p->K) == 0) {", "bits_shift(i, state->stride), p->K) == 0 && i > blocks) {")]),
    ("exponent-signed", "BLK-5", "exponent codes are two's complement, but for a common factor", [(_SCALAR, "const unsigned e = (unsigned)record & ((1u << p->E) - 1);", "const unsigned e = ((unsigned)record & ((1u << p->E) - 1)) ^ (1u << p->E) >> 1;")]),
    ("exponent-ignored", "BLK-5", "exponents are not applied", [(_SCALAR, "*target++ = sum * ((int64_t)1 << e);", "*target++ = sum + 0 * (int64_t)e;")]),
    ("middle-off-by-one", "BLK-5", "2^(W-1) - 1 is taken from an entry", [(_SCALAR, "const int32_t middle = (int32_t)(UINT32_C(1) << (p->W - 1));", "const int32_t middle = (int32_t)(UINT32_C(1) << (p->W - 1)) - 1;")]),
    # ---- trellis coding ----
    ("window-off-by-one", "TRE-2", "the second window reads its new bits one bit early", [(_SCALAR, "    shift += K;\n", "    shift += K - 1;\n")]),
    ("window-wrong-end", "TRE-2", "new bits come in at the low end", [(_SCALAR, "seed = seed >> k | (uint32_t)bits_get(bytes, shift, k) << (K - k);", "seed = (seed << k | (uint32_t)bits_get(bytes, shift, k)) & ((1u << K) - 1);")]),
    ("trellis-refuses-seed-0", "TRE-3", "seed 0 is refused in trellis coding too", [(_DECODE, "    if (p->coding == SLM_CODING_BLOCK)\n        for (uint64_t i", "    if (p->coding != 0)\n        for (uint64_t i")]),
    ("trellis-not-centred", "TRE-4", "2 v - 2^W instead of 2 v + 1 - 2^W", [(_SCALAR, "(int32_t)P * (1 - (int32_t)(UINT32_C(1) << p->W))", "(int32_t)P * (0 - (int32_t)(UINT32_C(1) << p->W))")]),
    # ---- runs and scales ----
    ("scale-ignored", "REC-3", "every scale is 1", [(_SCALAR, "const scale_parts parts = scale_split(scale);", "const scale_parts parts = scale_split(scale > 0 ? 0x3F80 : 0);")]),
    ("scale-of-run-0", "RUN-3", "all runs use the first scale", [("reader_decode.c", "inside = first % length, number = job->t->scales == 1 ? 0 : run;", "inside = first % length, number = 0;")]),
    ("scale-sign-unchecked", "RUN-4", "negative scales are taken", [("round.h", "return scale != 0 && scale < 0x7f80; }", "return scale != 0; }"), (_TENSOR, "if (scale == 0 || scale >= 0x7F80)", "if (scale == 0)")]),
    ("scale-0-taken", "RUN-4", "scale 0 is taken", [("round.h", "return scale != 0 && scale < 0x7f80; }", "return scale < 0x7f80; }"), (_TENSOR, "if (scale == 0 || scale >= 0x7F80)", "if (scale >= 0x7F80)")]),
    ("scale-infinite-taken", "RUN-4", "an infinite scale is taken", [("round.h", "return scale != 0 && scale < 0x7f80; }", "return scale != 0 && scale <= 0x7f80; }"), (_TENSOR, "if (scale == 0 || scale >= 0x7F80)", "if (scale == 0 || scale > 0x7F80)")]),
    ("scale-padding-unchecked", "RUN-5", "bytes between scales and codes may be anything", [("reader_verify.c", "    if (clean == padding)\n", "    if (clean <= padding)\n")]),
    ("run-padding-unchecked", "RUN-7", "bits behind a run's last code may be anything", [(_DECODE, "return used == 0 || codes[state->run_bytes - 1] >> used == 0;", "return used <= 8 || codes[state->run_bytes - 1] >> used == 0;")]),
    ("scale-subnormal-normal", "RUN-9", "a subnormal scale gets a leading one", [("round.h", "{exponent == 0 ? fraction : fraction | 0x80,", "{fraction | 0x80,")]),
    # ---- rotation ----
    ("rotation-unchecked", "ROT-1", "any rotation is taken", [(_TENSOR, "    if (tensor->rotation < SLM_ROTATION_MIN || tensor->rotation > SLM_ROTATION_MAX)\n        return fail(at, SLM_E_PROFILE, \"ROT-1\", \"the rotation is neither 0 nor 4..10\");\n", ""), (_DECODE, "if (h != 0 && (h < SLM_ROTATION_MIN || h > SLM_ROTATION_MAX))", "if (0)")]),
    ("rotation-need-not-divide", "ROT-2", "a segment may end behind the run", [(_TENSOR, "if (tensor->run_length % ((uint64_t)1 << tensor->rotation) != 0)", "if (0)"), (_DECODE, "else if (h != 0 && coding->run_length % (UINT64_C(1) << h) != 0)", "else if (0)")]),
    ("sign-seed-0-taken", "ROT-3", "a rotation may have sign seed 0", [(_TENSOR, "    if (tensor->sign_seed == 0)\n", "    if (0)\n"), (_DECODE, "else if ((h != 0) != (coding->sign_seed != 0))", "else if (0)")]),
    ("hadamard-then-signs", "ROT-4", "the signs are applied before the transform", [(_SCALAR, "        slmi_rotation_transform(piece, h);\n        slmi_rotation_sign(piece + *skip, *length, signs);", "        slmi_rotation_sign(piece, size, signs);\n        slmi_rotation_transform(piece, h);")]),
    ("hadamard-order", "ROT-5", "the rows of the matrix are in bit-reversed order", [("rotation.c", "            values[i] = a + b;\n            values[i + half] = a - b;\n        }\n", "            values[i] = a + b;\n            values[i + half] = a - b;\n        }\n    for (size_t i = 0; i < n; i++) {\n        size_t reversed = 0;\n        for (unsigned bit = 0; bit < h; bit++)\n            reversed |= (i >> bit & 1) << (h - 1 - bit);\n        if (reversed > i) {\n            const int64_t value = values[i];\n            values[i] = values[reversed];\n            values[reversed] = value;\n        }\n    }\n")]),
    ("hadamard-negated", "ROT-5", "a butterfly subtracts the other way round", [("rotation.c", "values[i + 2 * half] = a - c;", "values[i + 2 * half] = c - a;")]),
    ("signs-shifted", "ROT-6", "the sign sequence begins one step late", [("rotation.c", "slm_lfsr_advance(SIGN_K, SIGN_TAPS, sign_seed, column); }", "slm_lfsr_advance(SIGN_K, SIGN_TAPS, sign_seed, column + 1); }")]),
    ("signs-inverted", "ROT-6", "bit 1 means +1", [("rotation.c", "values[i + j] *= 1 - 2 * (int64_t)(bits >> j & 1);", "values[i + j] *= 2 * (int64_t)(bits >> j & 1) - 1;")]),
    ("signs-restart-with-segments", "ROT-6", "signs are counted from a segment's start", [(_SCALAR, "        slmi_rotation_sign(piece + *skip, *length, signs);", "        *signs = slmi_rotation_register(state->coding.sign_seed, *skip);\n        slmi_rotation_sign(piece + *skip, *length, signs);")]),
    # ---- reconstruction ----
    ("norm-ignored", "REC-2", "norm 1 does not divide", [(_DECODE, "state->divisor = p->norm == 1 ? (UINT32_C(1) << (p->W - 1)) - 1 : 1;", "state->divisor = 1;")]),
    ("norm-power-of-two", "REC-2", "norm 1 divides by 2^(W-1)", [(_DECODE, "(UINT32_C(1) << (p->W - 1)) - 1 : 1;", "(UINT32_C(1) << (p->W - 1)) : 1;")]),
    ("rounded-through-f32", "REC-7", "F16 and BF16 are rounded from the F32 result", [(_ROUND, "        const uint32_t bits = round_one(integers[i], scale, divisor, to);\n", "        uint32_t bits = round_one(integers[i], scale, divisor, f32);\n        if (to.width == 16) {\n            const int64_t significand = bits >> 23 & 255 ? (bits & 0x7fffff) | 0x800000 : bits & 0x7fffff;\n            const scale_parts place = {1, (int32_t)(bits >> 23 & 255 ? bits >> 23 & 255 : 1) - 150};\n            bits = significand == 0 ? bits >> 16 : round_one(bits >> 31 ? -significand : significand, place, 1, to);\n        }\n")]),
    ("truncated", "REC-9", "results are cut off, not rounded", [(_ROUND, "(quotient + ((UINT64_C(1) << (drop - 1)) - 1) + even) >> drop;", "quotient >> drop;")]),
    ("half-away-from-zero", "REC-9", "halfway cases go away from zero", [(_ROUND, "- 1) + even) >> drop;", "- 1) + 1) >> drop;")]),
    ("half-towards-zero", "REC-9", "halfway cases go towards zero", [(_ROUND, "- 1) + even) >> drop;", "- 1)) >> drop;")]),
    ("overflow-clamped", "REC-10", "overflow gives the largest finite number", [(_ROUND, "(bits < infinity ? bits : infinity);", "(bits < infinity ? bits : infinity - 1);")]),
    ("subnormals-flushed", "REC-11", "subnormal results become 0", [(_ROUND, "const uint64_t bits = ((uint64_t)above << (to.precision - 1)) + kept;", "const uint64_t bits = above == 0 && kept >> (to.precision - 1) == 0 ? 0 : ((uint64_t)above << (to.precision - 1)) + kept;")]),
    ("minus-zero-lost", "REC-11", "a negative result below all subnormals is +0", [(_ROUND, "        return sign; /*", "        return 0; /*")]),
    ("power-scale-unchecked", "REC-8", "wide integers take any scale", [("reader_pieces.c", "const bool power = slmi_needs_power_scale(&reader->index.profiles[t->profile], t->rotation);", "const bool power = false;"), (_DECODE, "state->power_of_two = p->norm == 0 && slm_profile_integer_bits(p, coding->rotation) > 16;", "state->power_of_two = false;")]),
    ("power-scale-subnormal-refused", "REC-8", "a subnormal power of two is not taken for one", [(_TENSOR, "return scale < 0x80 ? (fraction & (fraction - 1)) == 0 : fraction == 0;", "return fraction == 0;")]),
    # ---- header ----
    ("magic-four-bytes", "HDR-1", "only four bytes of the magic are looked at", [(_HEADER, "if (memcmp(bytes, magic, there) == 0)", "if (memcmp(bytes, magic, there < 4 ? there : 4) == 0)")]),
    ("major-0-taken", "HDR-3", "an older major version is taken", [(_HEADER, "if (header->major != SLM_FORMAT_MAJOR)", "if (header->major > SLM_FORMAT_MAJOR)")]),
    ("minor-refused", "HDR-4", "a later minor version is refused", [(_HEADER, "if (header->major != SLM_FORMAT_MAJOR)", "if (header->major != SLM_FORMAT_MAJOR || header->minor != 0)")]),
    ("header-sum-unchecked", "HDR-5", "the header's checksum is not looked at", [(_HEADER, "if (load_u64(bytes + 56) != slmi_hash(bytes, 56))", "if (0)")]),
    ("features-must-ignored", "HDR-6", "features that must be known are ignored", [(_HEADER, "if (header->features_must != 0)", "if (0)")]),
    ("features-may-refused", "HDR-7", "features that may be ignored are refused", [(_HEADER, "if (header->features_must != 0)", "if ((header->features_must | header->features_may) != 0)")]),
    ("reserved-14-unchecked", "HDR-8", "the reserved field at 14 may be anything", [(_HEADER, "if (load_u16(bytes + 14) != 0)", "if (0)")]),
    ("reserved-48-unchecked", "HDR-8", "the reserved field at 48 may be anything", [(_HEADER, "if (load_u64(bytes + 48) != 0)", "if (0)")]),
    ("alignment-small", "HDR-9", "payloads may be aligned to less than 64 bytes", [(_HEADER, "header->align_log2 < SLM_ALIGN_LOG2_MIN || ", "")]),
    ("alignment-large", "HDR-9", "payloads may be aligned to more than 2^16 bytes", [(_HEADER, " || header->align_log2 > SLM_ALIGN_LOG2_MAX", "")]),
    ("chunk-unchecked", "HDR-10", "chunks may be of any size", [(_HEADER, "if (header->chunk_log2 < SLM_CHUNK_LOG2_MIN || header->chunk_log2 > SLM_CHUNK_LOG2_MAX)", "if (0)")]),
    ("file-size-unchecked", "HDR-14", "a file that was cut off is read as far as it goes", [(_HEADER, "if (actual < header->file_size)", "if (0)")]),
    ("trailing-bytes", "HDR-15", "bytes behind the end are ignored", [(_HEADER, "if (actual > header->file_size)", "if (0)")]),
    ("index-sum-unchecked", "HDR-17", "the index's checksum is not looked at", [("reader.c", "slmi_hash(bytes, (size_t)header.index_size) != header.index_sum", "header.index_size == UINT64_MAX")]),
    # ---- sections ----
    ("section-flags-unchecked", "SEC-2", "reserved flags of sections may be set", [(_INDEX, "if ((section.flags & ~SLM_FLAG_MUST_UNDERSTAND) != 0)", "if (0)")]),
    ("section-order-unchecked", "SEC-3", "sections may come in any order, and twice", [(_INDEX, "section.type == 0 || (index->info.sections > 0 && section.type <= index->sections[index->info.sections - 1].type)", "section.type == 0")]),
    ("section-padding-unchecked", "SEC-4", "padding behind sections may be anything", [(_INDEX, "if (clean != padding)", "if (0)")]),
    ("section-missing", "SEC-5", "a required section may be missing", [(_INDEX, "else if (is_required(type))", "else if (0)")]),
    ("section-must-flag-unchecked", "SEC-6", "the must-understand flag of known sections is not looked at", [(_INDEX, "if (is_known(section.type) && (section.flags != 0) != is_required(section.type))", "if (0)")]),
    ("section-must-ignored", "SEC-7", "unknown sections are ignored, whatever they ask for", [(_INDEX, "if (!is_known(section.type) && (section.flags & SLM_FLAG_MUST_UNDERSTAND) != 0)", "if (0)")]),
    ("section-unknown-refused", "SEC-8", "unknown sections are refused, whatever they ask for", [(_INDEX, "if (!is_known(section.type) && (section.flags & SLM_FLAG_MUST_UNDERSTAND) != 0)", "if (!is_known(section.type))")]),
    ("tensors-tail", "SEC-10", "bytes may follow the last tensor in its section", [(_SECTIONS, "if (status == SLM_OK && at != body->size)", "if (0)")]),
    ("count-reserved-unchecked", "SEC-12", "the field behind a count may be anything", [(_SECTIONS, "if (load_u32(body->bytes + 4) != 0)", "if (0)")]),
    # ---- profiles ----
    ("W-unchecked", "PRO-4", "W may be larger than K", [("profile.c", "if (p->W < 1 || p->W > p->K)", "if (p->W < 1)")]),
    ("step-unchecked", "PRO-5", "step may be anything", [("profile.c", "if (p->step < 1 || p->step > SLM_STEP_MAX)", "if (0)")]),
    ("P-unchecked", "PRO-6", "P may be 0", [("profile.c", "if (p->P < 1 || p->P > SLM_P_MAX)", "if (p->P > SLM_P_MAX)")]),
    ("C-unchecked", "PRO-7", "C may be anything", [("profile.c", "if (p->C < 1 || p->C > SLM_C_MAX)", "if (0)")]),
    ("taps-unchecked", "PRO-9", "the polynomial need not be primitive", [("profile.c", "if (!slm_lfsr_is_maximal(p->K, p->taps))", "if (0)")]),
    ("taps-irreducible", "PRO-9", "an irreducible polynomial of smaller order is taken for a primitive one", [("lfsr.c", "        if (power_of_x(K, taps, order / q) == 1)\n            return false;\n", "")]),
    ("E-unchecked", "PRO-10", "E may be 5", [("profile.c", "if (p->E > 4)", "if (p->E > 5)")]),
    ("B-unchecked", "PRO-11", "B may be anything", [("profile.c", "if (p->B < 2 || p->B > 8)", "if (0)")]),
    ("norm-unchecked", "PRO-12", "norm may be 2", [("profile.c", "if (p->norm > 1)", "if (0)")]),
    ("norm-1-W-1", "PRO-13", "norm 1 is taken with W = 1", [("profile.c", "if (p->norm == 1 && p->W < 2)", "if (0)")]),
    ("record-65", "PRO-15", "records may have more than 64 bits", [("profile.c", "if (slm_profile_record_bits(p) > SLM_RECORD_BITS_MAX)", "if (0)")]),
    ("k-unchecked", "PRO-16", "k may be anything", [("profile.c", "if (p->k < 1 || p->k > 8 || p->k >= p->K)", "if (0)")]),
    ("trellis-fields-unchecked", "PRO-17", "E, B and norm are not looked at in trellis coding", [("profile.c", "if (p->E != 0 || p->B != 0 || p->norm != 0)", "if (0)")]),
    ("profile-name-hole", "PRO-19", "a profile's name may go on behind a zero", [("profile.c", "        if (p->name[i] != 0)\n            return \"[PRO-19] a profile's name must be followed by zeros\";", "        if (0)\n            return \"\";")]),
    ("profile-integers-unchecked", "PRO-21", "a profile's integers may have any width", [("profile.c", "if (slm_profile_integer_bits(p, 0) > (p->norm == 1 ? 54 : 24))", "if (0)")]),
    # ---- tensors ----
    ("dtype-bits", "TEN-3", "F6_E2M3 has 8 bits", [("dtype.c", "[SLM_F6_E2M3] = {\"F6_E2M3\", 6}", "[SLM_F6_E2M3] = {\"F6_E2M3\", 8}")]),
    ("tensor-flags-unchecked", "TEN-5", "reserved flags of tensors may be set", [(_SECTIONS, "if ((tensor->flags & ~(SLM_TENSOR_SCALE_PER_RUN | SLM_TENSOR_HAS_SOURCE_SUM | SLM_TENSOR_HAS_ERROR)) != 0)", "if (0)")]),
    ("tensor-reserved-unchecked", "TEN-6", "a tensor's reserved field at 36 may be anything", [(_SECTIONS, "if (load_u32(p + 12) != 0 || load_u32(p + 36) != 0)", "if (load_u32(p + 12) != 0)")]),
    ("utf8-overlong", "TEN-7", "overlong UTF-8 is taken", [("utf8.c", "if (first < 0xC2 || first > 0xF4", "if (first < 0xC0 || first > 0xF4")]),
    ("utf8-surrogates", "TEN-7", "surrogates are taken", [("utf8.c", "(value < 0x800 || (value >= 0xD800 && value <= 0xDFFF))", "(value < 0x800)")]),
    ("utf8-above-the-last", "TEN-7", "characters above U+10FFFF are taken", [("utf8.c", "(value < 0x10000 || value > 0x10FFFF)", "(value < 0x10000)")]),
    ("utf8-nul", "TEN-7", "U+0000 is taken", [("utf8.c", "if (size == 0 || character == 0)\n            return i;", "if (size == 0)\n            return i;")]),
    ("duplicate-names", "TEN-8", "two names may be equal", [(_SECTIONS, "if (duplicate == UINT32_MAX)", "if (duplicate > 0)")]),
    ("record-padding-unchecked", "TEN-9", "padding behind a tensor's name may be anything", [(_SECTIONS, "if (clean != padding)", "if (0)")]),
    ("shape-wraps", "TEN-11", "the product of the dimensions is computed modulo 2^64", [(_TENSOR, "fits = checked_multiply(product, tensor->shape[i], &product);", "product *= tensor->shape[i];")]),
    ("half-bytes-dropped", "TEN-12", "elements need not fill whole bytes", [(_TENSOR, "if (bits % 8 != 0)", "if (0)")]),
    ("raw-with-coding", "TEN-13", "a raw tensor may have a profile, a rotation and all that", [(_TENSOR, "    if (tensor->profile != 0 || tensor->rotation != 0 || tensor->sign_seed != 0 || tensor->run_length != 0 ||\n        (tensor->flags & SLM_TENSOR_SCALE_PER_RUN) != 0)\n", "    if (0)\n")]),
    ("coded-type-unchecked", "TEN-14", "a coded tensor may be of any type", [(_TENSOR, "if (!slm_dtype_is_codable(tensor->dtype))", "if (0)")]),
    ("profile-of-other-coding", "TEN-16", "a tensor may have a profile of the other coding", [(_TENSOR, "if (profile->coding != (uint8_t)tensor->coding)", "if (0)")]),
    ("coded-empty", "TEN-17", "a coded tensor may have no elements", [(_TENSOR, "if (tensor->elements == 0)", "if (0)")]),
    ("run-length-need-not-divide", "TEN-18", "elements behind the last whole run are dropped", [(_TENSOR, "if (tensor->run_length == 0 || tensor->elements % tensor->run_length != 0)", "if (tensor->run_length != 0)\n        tensor->elements -= tensor->elements % tensor->run_length;\n    if (tensor->run_length == 0)")]),
    ("source-sum-flag-unchecked", "TEN-19", "a source_sum may stand without its flag", [(_SECTIONS, "if ((tensor->flags & SLM_TENSOR_HAS_SOURCE_SUM) == 0 && tensor->source_sum != 0)", "if (0)")]),
    ("error-negative", "TEN-20", "a stated error may be negative or no number", [(_SECTIONS, "if (error_bits >= 0x7F800000)", "if (0)")]),
    ("rotated-integers-unchecked", "TEN-22", "integers may become too wide by rotation", [(_DECODE, "else if (slm_profile_integer_bits(p, h) > (p->norm == 1 ? 54u : 24u))", "else if (0)")]),
    # ---- metadata and sources ----
    ("metadata-text-unchecked", "MET-2", "metadata need not be text", [(_SECTIONS, "if (slmi_utf8_check(p, (size_t)key_length) != key_length || slmi_utf8_check(p + key_length, (size_t)value_length) != value_length)", "if (0)")]),
    ("source-tensors-unchecked", "SRC-4", "sources need not have all tensors", [(_SECTIONS, "if (tensors != index->info.tensors)", "if (0)")]),
    ("source-name-backslash", "SRC-5", "a source's name may hold a backslash", [(_SECTIONS, "(memchr(name, '/', length) == NULL && memchr(name, '\\\\', length) == NULL)", "memchr(name, '/', length) == NULL")]),
    ("source-name-dots", "SRC-5", "a source may be called '..'", [(_SECTIONS, " || (length == 2 && name[0] == '.' && name[1] == '.')", "")]),
    # ---- payloads and checksums ----
    ("payload-kinds-descend", "PAY-5", "kinds of payloads may descend", [(_SECTIONS, "if (i > index->info.tensors && kind < (uint32_t)index->payloads[i - 1].kind)", "if (0)")]),
    ("side-files-twice", "PAY-6", "side files may come twice", [(_SECTIONS, "(payload->flags != 0 || i > index->info.tensors)", "(payload->flags != 0)")]),
    ("payload-flags-unchecked", "PAY-7", "reserved flags of payloads may be set", [(_SECTIONS, "if ((payload->flags & ~SLM_FLAG_MUST_UNDERSTAND) != 0)", "if (0)")]),
    ("payload-must-ignored", "PAY-8", "unknown payloads are ignored, whatever they ask for", [(_SECTIONS, "if (!known && (payload->flags & SLM_FLAG_MUST_UNDERSTAND) != 0)", "if (0)")]),
    ("payload-offset-unchecked", "PAY-10", "payloads may lie anywhere", [(_SECTIONS, " || payload->offset != offset)", ")")]),
    ("file-end-unchecked", "PAY-11", "the file may go on behind the last payload", [(_SECTIONS, " || file_size != index->info.file_size)", ")")]),
    ("first-sum-unchecked", "PAY-12", "first_sum may be anything", [(_SECTIONS, "if (payload->first_sum != index->chunks)", "if (0)")]),
    ("payload-size-unchecked", "PAY-13", "a tensor's payload may have any size", [(_SECTIONS, "if (i < index->info.tensors && payload->size != index->tensors[i].payload_size)", "if (0)")]),
    ("padding-unchecked", "PAY-14", "bytes between payloads may be anything", [("reader_verify.c", "if (clean != size)", "if (0)")]),
    ("first-chunk-only", "SUM-2", "only the first chunk of a payload is checked", [("reader_chunks.c", "(p->first_sum + chunk)) == sum)", "(p->first_sum + chunk)) == sum || chunk > 0)")]),
    ("sums-too-many", "SUM-3", "CHECKSUMS may have any size", [(_SECTIONS, "if (body->size % 8 != 0 || body->size / 8 != index->chunks)", "if (0)")]),
    ("chunk-sum-unchecked", "SUM-4", "payloads' checksums are not looked at", [("reader_chunks.c", "(p->first_sum + chunk)) == sum)", "(p->first_sum + chunk)) == sum || sum != 0)")]),
    ("chunk-sum-of-side-files-unchecked", "SUM-4", "only tensors' checksums are looked at", [("reader_chunks.c", "(p->first_sum + chunk)) == sum)", "(p->first_sum + chunk)) == sum || payload >= reader->index.info.tensors)")]),
]  # fmt: skip
