/* rotation.h: the randomised block Hadamard transform of a run (specification section "Rotation"), on exact integers. */
#ifndef SLM_ROTATION_H
#define SLM_ROTATION_H

#include <stddef.h>
#include <stdint.h>

/* The register behind the signs when `column` columns of a run have had theirs. */
uint32_t slmi_rotation_register(uint16_t sign_seed, uint64_t column);

/* values <- H * values, H the Sylvester matrix of size 2^h in natural order. */
void slmi_rotation_transform(int64_t *values, unsigned h);

/* values <- D * values for the next `count` columns; *state goes on by as many steps. */
void slmi_rotation_sign(int64_t *values, size_t count, uint32_t *state);

#endif
