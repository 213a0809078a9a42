/* slm/version.h: the three versions of slm, which move independently.
 *
 *   format   what stands in a file (spec/slm-1.0.md, section "Versioning")
 *   API      what these headers declare; also the shared library's soname
 *   release  what a distribution packages
 */
#ifndef SLM_VERSION_H
#define SLM_VERSION_H

#define SLM_FORMAT_MAJOR 1
#define SLM_FORMAT_MINOR 0

/* Raised when a declaration changes incompatibly / is added. */
#define SLM_API_MAJOR 1
#define SLM_API_MINOR 0

#define SLM_RELEASE "1.0.0"

#if defined(SLM_BUILDING) && defined(__GNUC__)
#define SLM_API __attribute__((visibility("default")))
#else
#define SLM_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The release of the library in use, such as "1.0.0": compare with SLM_RELEASE to find a header that does not belong to the library. */
SLM_API const char *slm_release(void);

#ifdef __cplusplus
}
#endif
#endif
