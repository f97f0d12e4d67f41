// Our declarations are those of real headers of OpenVINO: compiled where CMake finds them, never run.
#include <openvino/c/openvino.h>

#include <cstddef>

#include "openvino_abi.h"
#include "plain_types.h"

namespace {

namespace ours = lama::ov;
using lama::abi::same;

#define LAMA_CHECK(name, ...) static_assert(same<ours::name##_t *, decltype(&::ov_##name)>, #name);
LAMA_OV_FUNCTIONS(LAMA_CHECK)
#undef LAMA_CHECK

#define SAME_MEMBER(ours_, theirs, one, other)                                                                    \
  static_assert(sizeof(ours::ours_) == sizeof(theirs) && offsetof(ours::ours_, one) == offsetof(theirs, other) && \
                    sizeof(ours::ours_::one) == sizeof(theirs::other),                                            \
                #theirs "." #other)

SAME_MEMBER(Version, ::ov_version_t, build, buildNumber);
SAME_MEMBER(Version, ::ov_version_t, description, description);
SAME_MEMBER(Shape, ::ov_shape_t, rank, rank);
SAME_MEMBER(Shape, ::ov_shape_t, dimensions, dims);
SAME_MEMBER(Dimension, ::ov_dimension_t, least, min);
SAME_MEMBER(Dimension, ::ov_dimension_t, most, max);
SAME_MEMBER(PartialShape, ::ov_partial_shape_t, rank, rank);
SAME_MEMBER(PartialShape, ::ov_partial_shape_t, dimensions, dims);

static_assert(unsigned(ours::F16) == ::F16 && unsigned(ours::F32) == ::F32 && unsigned(ours::F64) == ::F64);
static_assert(unsigned(ours::I32) == ::I32 && unsigned(ours::I64) == ::I64 && unsigned(ours::U8) == ::U8);
static_assert(::OK == 0 && sizeof(::ov_status_e) == sizeof(ours::Status));

}  // namespace
