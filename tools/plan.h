/* tools/plan.h: which tensors are coded and how, which stay raw and why. */
#ifndef TOOLS_PLAN_H
#define TOOLS_PLAN_H

#include "checkpoint.h"
#include "hessian_file.h"
#include "importance_file.h"
#include "slm/encode.h"

#define PLAN_ELEMENTS_MIN 4096 /* smaller tensors stay raw unless they are asked for */
#define PLAN_RUN_MIN 64        /* shorter rows are joined */
#define PLAN_RUN_MAX 16384     /* longer rows are cut, where they divide */

typedef struct plan_choice {
    char *glob;
    slm_profile profile;
} plan_choice;

typedef enum plan_scale { PLAN_SCALE_DEFAULT, PLAN_SCALE_TENSOR, PLAN_SCALE_ROW } plan_scale;
#define PLAN_ROTATION_AUTO (-1)

typedef struct plan_rules {
    slm_profile profile; /* for all that no choice names */
    plan_choice *choices;
    size_t choice_count;             /* the last that matches counts */
    const char **include, **exclude; /* include: code these and what a choice names, nothing else; exclude comes first */
    size_t include_count, exclude_count;
    plan_scale scale;
    int rotation; /* PLAN_ROTATION_AUTO, 0, or 4..10 */
    slm_search search;
    double bits;                       /* 0: the profiles given; else an average for all coded weights, profiles by what they bring */
    const importance_file *importance; /* NULL: all errors count alike */
    const hessian_file *hessian;       /* NULL: no error feedback */
    unsigned scale_candidates;         /* tried in full for each scale; 1: the rule's alone */
} plan_rules;

#define PLAN_ROTATIONS_MAX 8

/* A rotation that was tried on a sample, and the relative error there. */
typedef struct plan_rotation {
    uint8_t rotation;
    double error;
} plan_rotation;

typedef struct plan_tensor {
    const char *reason; /* why it stays raw; NULL where it is coded. Static storage */
    slm_coding coding;
    bool scale_per_run;
    bool is_named;                               /* its profile was given for its name */
    const importance_vector *importance;         /* NULL: none */
    const hessian_matrix *hessian;               /* NULL: none */
    plan_rotation rotations[PLAN_ROTATIONS_MAX]; /* of which the coding has the best; none where there was nothing to choose */
    unsigned rotations_tried;
    bool scanned;
    checkpoint_scan scan; /* valid where scanned */
} plan_tensor;

typedef struct plan {
    plan_tensor *tensors; /* one for each of the checkpoint's */
    size_t count;
    uint64_t coded_elements, raw_elements;
    size_t weighted;         /* tensors with an importance or a Hessian */
    size_t coded, nonfinite; /* tensors; nonfinite: those raw for a NaN or infinity alone */
} plan;

/* What would be done by names, types and shapes alone; and how many bytes plan_scan will have to read. */
bool plan_make(plan *p, const checkpoint *cp, const plan_rules *rules, fault *f);
uint64_t plan_scan_bytes(const plan *p, const checkpoint *cp);
/* Looks at the data of all that would be coded: what is not finite stays raw. */
bool plan_scan(plan *p, checkpoint *cp, fault *f);
void plan_free(plan *p);

const char *plan_search_name(slm_search search); /* as --search has it */

#endif
